// Short names for the shapes of the contract; the rest of the console never touches schema.ts.
import type { components, paths } from "./schema";

type Schemas = components["schemas"];
export type Alert = Schemas["Alert"];
export type AlertPage = Schemas["AlertPage"];
export type Cause = Schemas["Cause"];
export type Centre = Schemas["Centre"];
export type ChangedConfigItem = Schemas["ChangedConfigItem"];
export type ConfigItem = Schemas["ConfigItem"];
export type ConfigVersion = Schemas["ConfigVersion"];
export type Counters = Schemas["Counters"];
export type Exporter = Schemas["Exporter"];
export type Delivery = Schemas["Delivery"];
export type Device = Schemas["Device"];
export type DeviceDetail = Schemas["DeviceDetail"];
export type DeviceInterface = Schemas["DeviceInterface"];
export type DevicePoint = Schemas["DevicePoint"];
export type Neighbour = Schemas["Neighbour"];
export type Probe = Schemas["Probe"];
export type ProbePoint = Schemas["ProbePoint"];
export type Fleet = Schemas["Fleet"];
export type FlowRow = Schemas["FlowRow"];
export type FlowStatus = Schemas["FlowStatus"];
export type Instance = Schemas["Instance"];
export type InstanceQuality = Schemas["InstanceQuality"];
export type Invitation = Schemas["Invitation"];
export type LiveAlerts = Schemas["LiveAlerts"];
export type LiveFleet = Schemas["LiveFleet"];
export type LiveFrame = Schemas["LiveFrame"];
export type LiveInstance = Schemas["LiveInstance"];
export type NewConfigItem = Schemas["NewConfigItem"];
export type NewReport = Schemas["NewReport"];
export type NewSchedule = Schemas["NewSchedule"];
export type MailServer = Schemas["MailServer"];
export type NewMailServer = Schemas["NewMailServer"];
export type NewRecipient = Schemas["NewRecipient"];
export type NewInstance = Schemas["NewInstance"];
export type NewUser = Schemas["NewUser"];
export type Point = Schemas["Point"];
export type QueryAnswer<Row> = Omit<Schemas["QueryAnswer"], "rows"> & { rows: Row[] };
export type QualityFigures = Schemas["QualityFigures"];
export type QualityLabel = Schemas["QualityLabel"];
export type QualityReason = Schemas["QualityReason"];
export type Reason = Schemas["Reason"];
export type Rollout = Schemas["Rollout"];
export type Recipient = Schemas["Recipient"];
export type Report = Schemas["Report"];
export type Retention = Schemas["Retention"];
export type RetentionLimits = Schemas["RetentionLimits"];
export type RetentionPreview = Schemas["RetentionPreview"];
export type Schedule = Schemas["Schedule"];
export type ScheduleRhythm = Schemas["ScheduleRhythm"];
export type Session = Schemas["Session"];
export type Severity = Schemas["Severity"];
export type State = Schemas["State"];
export type StateChange = Schemas["StateChange"];
export type StatusRow = Schemas["StatusRow"];
export type Top = Schemas["Top"];
export type TopRow = Schemas["TopRow"];
export type Totals = Schemas["Totals"];
export type User = Schemas["User"];
export type Verdict = Schemas["Verdict"];

export type AlertQuery = NonNullable<paths["/api/v1/alerts"]["get"]["parameters"]["query"]>;
export type FlowQuery = Omit<
  paths["/api/v1/instances/{name}/query"]["get"]["parameters"]["query"],
  "op"
>;
