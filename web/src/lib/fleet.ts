// Rules of the fleet page, without a page: how live frames change the rows, which rows a filter
// keeps, which come first.
import type { Instance, InstanceFigures, LiveFleet, State, Totals } from "@/api";
import { parseSort } from "@/lib/url";

export type Group = "up" | "attention" | "down" | "off";

/** States in the order of urgency, each with the group that its total counts it in. */
const STATES: readonly (readonly [State, Group])[] = [
  ["unreachable", "down"],
  ["duplicate", "attention"],
  ["degraded", "attention"],
  ["suspect", "attention"],
  ["catching_up", "attention"],
  ["stopped", "off"],
  ["pending", "off"],
  ["invited", "off"],
  ["up", "up"],
  ["maintenance", "off"],
  ["revoked", "off"],
];
const RANK = new Map(STATES.map(([state], rank) => [state, rank]));
const GROUP = new Map(STATES);

export const groupOf = (state: State): Group => GROUP.get(state) ?? "off";
export const rankOf = (state: State): number => RANK.get(state) ?? STATES.length;

/** Points of a spark line, as the centre keeps them. */
const SPARK_POINTS = 60;

function withFigures(row: Instance, { spark_add, ...figures }: InstanceFigures): Instance {
  const next = { ...row, ...figures };
  if (spark_add) next.spark_bps = [...row.spark_bps, ...spark_add].slice(-SPARK_POINTS);
  return next;
}

/** Rows after a frame. A snapshot replaces all; a delta puts changed rows in and takes gone ones out. */
export function applyFleet(
  rows: ReadonlyMap<number, Instance>,
  kind: "snap" | "delta",
  data: LiveFleet,
): Map<number, Instance> {
  const next = kind === "snap" ? new Map<number, Instance>() : new Map(rows);
  for (const row of data.instances) next.set(row.id, row);
  for (const figures of data.figures) {
    const row = next.get(figures.id);
    if (row) next.set(row.id, withFigures(row, figures));
  }
  for (const id of data.gone) next.delete(id);
  return next;
}

export interface FleetFilter {
  q: string;
  site: string;
  group: string;
}

export function matches(row: Instance, filter: FleetFilter): boolean {
  if (filter.site && row.site !== filter.site) return false;
  if (filter.group && groupOf(row.state) !== filter.group) return false;
  const q = filter.q.trim().toLowerCase();
  return !q || `${row.name} ${row.title} ${row.site}`.toLowerCase().includes(q);
}

type Value = number | string | null;
const COLUMNS: Record<string, (row: Instance) => Value> = {
  name: (r) => r.name,
  site: (r) => r.site,
  throughput: (r) => (r.answering ? r.throughput_bps : null),
  hosts: (r) => r.hosts,
  flows: (r) => r.flows,
  engaged: (r) => r.alerts_engaged,
  flow_alerts: (r) => r.flow_alerts,
  drops: (r) => r.drops,
  seen: (r) => r.last_seen_ms,
};

function compare(a: Value, b: Value): number {
  if (typeof a === "string" && typeof b === "string") return a.localeCompare(b);
  return (a as number) - (b as number);
}

/** Worst first: by urgency of the state, then most engaged alerts, then name. */
function byUrgency(a: Instance, b: Instance): number {
  return (
    rankOf(a.state) - rankOf(b.state) ||
    b.alerts_engaged - a.alerts_engaged ||
    a.name.localeCompare(b.name)
  );
}

/** Sorted copy. Unknown values come last in both directions; ties go by urgency. */
export function sortFleet(rows: readonly Instance[], sort: string): Instance[] {
  const { key, desc } = parseSort(sort);
  const column = COLUMNS[key];
  if (!column) {
    const sign = desc ? -1 : 1;
    return [...rows].sort((a, b) => sign * byUrgency(a, b));
  }
  return [...rows].sort((a, b) => {
    const [x, y] = [column(a), column(b)];
    if (x === null || y === null) return x === y ? byUrgency(a, b) : x === null ? 1 : -1;
    return compare(x, y) * (desc ? -1 : 1) || byUrgency(a, b);
  });
}

/** Totals of some rows, for a scope that the centre does not sum. */
export function totalsOf(rows: readonly Instance[]): Totals {
  const totals: Totals = {
    instances: rows.length, by_state: {}, throughput_bps: 0, packets_pps: 0, hosts: 0, flows: 0,
    alerts_engaged: 0, flow_alerts: 0, drops: 0,
  };
  for (const row of rows) {
    totals.by_state[row.state] = (totals.by_state[row.state] ?? 0) + 1;
    totals.alerts_engaged += row.alerts_engaged;
    if (!row.answering) continue;
    totals.throughput_bps += row.throughput_bps ?? 0;
    totals.packets_pps += row.packets_pps ?? 0;
    totals.hosts += row.hosts ?? 0;
    totals.flows += row.flows ?? 0;
    totals.flow_alerts += row.flow_alerts ?? 0;
    totals.drops += row.drops ?? 0;
  }
  return totals;
}

/** How many instances are in each group. */
export function groupCounts(byState: Readonly<Record<string, number>>): Record<Group, number> {
  const counts: Record<Group, number> = { up: 0, attention: 0, down: 0, off: 0 };
  for (const [state, n] of Object.entries(byState)) counts[groupOf(state as State)] += n;
  return counts;
}
