// The console's one door to the centre: every question that a page may ask.
import { buildUrl, call } from "./client";
import { Live, type LiveOptions, type Socket } from "./live";
import type {
  AlertQuery,
  AssetQuery,
  ChangedConfigItem,
  FlowQuery,
  FlowRow,
  NewConfigItem,
  NewInstance,
  NewMailServer,
  NewRecipient,
  NewReport,
  NewSchedule,
  NewUser,
  QueryAnswer,
  RetentionLimits,
  StatusRow,
} from "./types";

export { ApiError, asApiError, setCsrf, setUnauthenticatedHandler } from "./client";
export type { LiveStatus } from "./live";
export type * from "./types";

type Signal = AbortSignal | undefined;

export const signIn = (user: string, password: string) =>
  call("post", "/api/v1/session", { body: { user, password } });
export const getSession = () => call("get", "/api/v1/session");
export const signOut = () => call("delete", "/api/v1/session");

export const getFleet = (signal?: Signal) => call("get", "/api/v1/fleet", { signal });
export const getStates = (name: string, cursor?: string, signal?: Signal) =>
  call("get", "/api/v1/instances/{name}/states", {
    path: { name },
    query: { cursor, limit: 20 },
    signal,
  });
export const getGaps = (name: string, signal?: Signal) =>
  call("get", "/api/v1/instances/{name}/gaps", { path: { name }, signal });
export const getDrops = (signal?: Signal) => call("get", "/api/v1/drops", { signal });
export const getQuarantine = (signal?: Signal) => call("get", "/api/v1/quarantine", { signal });
export const getCounters = (
  name: string,
  query: { from_ms: number; to_ms: number; step_s: number },
  signal?: Signal,
) => call("get", "/api/v1/instances/{name}/counters", { path: { name }, query, signal });
export const getTop = (
  name: string,
  query: { kind: "hosts" | "apps"; from_ms: number; to_ms: number; limit?: number },
  signal?: Signal,
) => call("get", "/api/v1/instances/{name}/top", { path: { name }, query, signal });

export const getQuality = (
  name: string,
  query: { from_ms: number; to_ms: number; limit?: number },
  signal?: Signal,
) => call("get", "/api/v1/instances/{name}/quality", { path: { name }, query, signal });

async function askFlows(
  name: string,
  op: "flows" | "flow",
  query: FlowQuery,
  signal: Signal,
): Promise<QueryAnswer<FlowRow>> {
  const answer = await call("get", "/api/v1/instances/{name}/query", {
    path: { name },
    query: { op, ...query },
    signal,
  });
  return { ...answer, rows: answer.rows as unknown as FlowRow[] };
}
export const getFlows = (name: string, query: FlowQuery, signal?: Signal) =>
  askFlows(name, "flows", query, signal);
export const getFlow = (name: string, flow_id: string, signal?: Signal) =>
  askFlows(name, "flow", { flow_id }, signal);

/** A flow over time, as its stored records tell it. */
export const getFlowHistory = (name: string, flow_id: string, range: { from_ms: number; to_ms: number }, signal?: Signal) =>
  call("get", "/api/v1/instances/{name}/flows/{flow_id}/history", { path: { name, flow_id }, query: range, signal });

/** What an agent says of itself. */
export async function getStatus(name: string, signal?: Signal): Promise<QueryAnswer<StatusRow>> {
  const answer = await call("get", "/api/v1/instances/{name}/query", {
    path: { name },
    query: { op: "status" },
    signal,
  });
  return { ...answer, rows: answer.rows as unknown as StatusRow[] };
}

export const getAlerts = (query: AlertQuery, signal?: Signal) =>
  call("get", "/api/v1/alerts", { query, signal });

export const getAlert = (id: string, signal?: Signal) =>
  call("get", "/api/v1/alerts/{id}", { path: { id }, signal });

export const getAssets = (query: AssetQuery, signal?: Signal) =>
  call("get", "/api/v1/assets", { query, signal });
export const getAsset = (id: string, signal?: Signal) =>
  call("get", "/api/v1/assets/{id}", { path: { id }, signal });
export const deleteAsset = (id: string) =>
  call("delete", "/api/v1/assets/{id}", { path: { id } });
/** Where the same assets are to be had as a table. */
export const assetsCsvUrl = (query: AssetQuery) =>
  buildUrl("/api/v1/assets.csv", {}, { ...query, limit: undefined, cursor: undefined });

/** Sections of the configuration, such as "acl", "netconf" and "policy". */
export const getConfig = (section: string, signal?: Signal) =>
  call("get", "/api/v1/config/{section}", { path: { section }, signal });
export const addConfig = (section: string, body: NewConfigItem) =>
  call("post", "/api/v1/config/{section}", { path: { section }, body });
export const changeConfig = (section: string, id: string, body: ChangedConfigItem) =>
  call("put", "/api/v1/config/{section}/{id}", { path: { section, id }, body });
export const deleteConfig = (section: string, id: string) =>
  call("delete", "/api/v1/config/{section}/{id}", { path: { section, id } });
export const getConfigHistory = (section: string, id: string, signal?: Signal) =>
  call("get", "/api/v1/config/{section}/{id}/history", { path: { section, id }, signal });

export const getDevices = (site: string, signal?: Signal) =>
  call("get", "/api/v1/snmp/devices", { query: { site: site || undefined }, signal });
export const getDevice = (name: string, device: string, signal?: Signal) =>
  call("get", "/api/v1/snmp/devices/{name}/{device}", { path: { name, device }, signal });
export const getDeviceSeries = (
  name: string,
  device: string,
  query: { interface?: string; from_ms: number; to_ms: number },
  signal?: Signal,
) => call("get", "/api/v1/snmp/devices/{name}/{device}/series", { path: { name, device }, query, signal });
export const getFullest = (site: string, limit: number, signal?: Signal) =>
  call("get", "/api/v1/snmp/interfaces", { query: { site: site || undefined, limit }, signal });
export const getProbes = (site: string, signal?: Signal) =>
  call("get", "/api/v1/probes", { query: { site: site || undefined }, signal });
export const getProbeSeries = (
  name: string,
  probe: string,
  query: { from_ms: number; to_ms: number },
  signal?: Signal,
) => call("get", "/api/v1/probes/{name}/{probe}/series", { path: { name, probe }, query, signal });

export const addInstance = (body: NewInstance) => call("post", "/api/v1/instances", { body });
export const revokeInstance = (name: string) =>
  call("delete", "/api/v1/instances/{name}", { path: { name } });
export const getUsers = (signal?: Signal) => call("get", "/api/v1/users", { signal });
export const addUser = (body: NewUser) => call("post", "/api/v1/users", { body });

export const getReports = (cursor?: number, signal?: Signal) =>
  call("get", "/api/v1/reports", { query: { cursor, limit: 50 }, signal });
export const addReport = (body: NewReport) => call("post", "/api/v1/reports", { body });
export const deleteReport = (id: string) =>
  call("delete", "/api/v1/reports/{id}", { path: { id } });
/** Where a finished report opens: a page of its own, not of the console. */
export const reportUrl = (id: string) => buildUrl("/api/v1/reports/{id}/html", { id });
export const getSchedules = (signal?: Signal) =>
  call("get", "/api/v1/report-schedules", { signal });
export const addSchedule = (body: NewSchedule) =>
  call("post", "/api/v1/report-schedules", { body });
export const setSchedule = (id: string, body: NewSchedule) =>
  call("put", "/api/v1/report-schedules/{id}", { path: { id }, body });
export const deleteSchedule = (id: string) =>
  call("delete", "/api/v1/report-schedules/{id}", { path: { id } });

export const getRetention = (signal?: Signal) => call("get", "/api/v1/retention", { signal });
export const previewRetention = (
  query: { kind: string; days?: number; max_bytes?: number },
  signal?: Signal,
) => call("get", "/api/v1/retention/preview", { query, signal });
export const setRetention = (body: RetentionLimits) => call("post", "/api/v1/retention", { body });

export const getRecipients = (signal?: Signal) => call("get", "/api/v1/recipients", { signal });
export const addRecipient = (body: NewRecipient) => call("post", "/api/v1/recipients", { body });
export const setRecipient = (id: string, body: NewRecipient) =>
  call("put", "/api/v1/recipients/{id}", { path: { id }, body });
export const deleteRecipient = (id: string) =>
  call("delete", "/api/v1/recipients/{id}", { path: { id } });
export const testRecipient = (id: string) =>
  call("post", "/api/v1/recipients/{id}/test", { path: { id }, body: {} });
export const getDeliveries = (
  query: { recipient?: number; cursor?: number; limit?: number },
  signal?: Signal,
) => call("get", "/api/v1/deliveries", { query, signal });
export const getMailServer = (signal?: Signal) => call("get", "/api/v1/mail-server", { signal });
export const setMailServer = (body: NewMailServer) => call("put", "/api/v1/mail-server", { body });
export const getAlertKinds = (signal?: Signal) => call("get", "/api/v1/alert-kinds", { signal });

/** The live channel of this origin. */
export function makeLive(options: Omit<LiveOptions, "open">): Live {
  return new Live({
    ...options,
    open: () => {
      const scheme = location.protocol === "https:" ? "wss:" : "ws:";
      const url = `${scheme}//${location.host}/api/v1/live`;
      return new WebSocket(url, "picket.v1") as unknown as Socket;
    },
  });
}
