// The hops on the way from the wire to the database, and what was dropped at each.
import type { Instance, Losses } from "@/api";

/** At the agent, in order; then at the centre. */
export const AGENT_HOPS = ["kernel", "ring", "table", "half_open", "early", "queue", "spool", "client"] as const;
export const CENTRE_HOPS = ["bus", "messages_held", "batches_held", "malformed", "unknown", "quarantined"] as const;
export type AgentHop = (typeof AGENT_HOPS)[number];
export type CentreHop = (typeof CENTRE_HOPS)[number];
export type Hop = AgentHop | CentreHop | "gaps";
export const HOPS: readonly Hop[] = [...AGENT_HOPS, ...CENTRE_HOPS, "gaps"];

/** Hops where nothing is lost: it is sent again, or was only told early. */
export const HARMLESS: ReadonlySet<Hop> = new Set<Hop>(["early", "batches_held", "bus"]);

/** What is counted there. */
export const UNITS = {
  kernel: "packet", ring: "record", table: "packet", half_open: "attempt", early: "flow", queue: "result", spool: "record",
  client: "message", bus: "message", messages_held: "message", batches_held: "batch", malformed: "message",
  unknown: "message", quarantined: "record", gaps: "record",
} as const satisfies Record<Hop, string>;

export type Sums = Record<Hop, number>;

/** Everything that is counted, by hop: the agents' own counts, the centre's, and what is missing. */
export function sumsOf(instances: readonly Instance[], losses: Losses): Sums {
  const sums = Object.fromEntries(HOPS.map((hop) => [hop, 0])) as Sums;
  for (const row of instances) for (const hop of AGENT_HOPS) sums[hop] += row.drops_by?.[hop] ?? 0;
  for (const hop of CENTRE_HOPS) sums[hop] = losses.centre[hop];
  for (const row of losses.gaps) sums.gaps += row.records;
  return sums;
}

export interface Sample {
  at_ms: number;
  sums: Sums;
}

const WINDOW_MS = 60_000;

/** Samples of the last minute, and the one before it. */
export function remember(old: readonly Sample[], sample: Sample): Sample[] {
  const all = [...old, sample];
  const first = all.findIndex((s) => s.at_ms > sample.at_ms - WINDOW_MS);
  return all.slice(Math.max(0, first - 1));
}

/** Per second over what is remembered; null before there are two samples. A restart counts as none. */
export function rateOf(samples: readonly Sample[], hop: Hop): number | null {
  const first = samples[0];
  const last = samples[samples.length - 1];
  if (!first || !last || last.at_ms <= first.at_ms) return null;
  return Math.max(0, last.sums[hop] - first.sums[hop]) / ((last.at_ms - first.at_ms) / 1000);
}

/** Instances that dropped something, the most first. */
export function dropping(instances: readonly Instance[]): Instance[] {
  const sum = (row: Instance) => AGENT_HOPS.reduce((n, hop) => n + (row.drops_by?.[hop] ?? 0), 0);
  return instances.filter((row) => sum(row) > 0).sort((a, b) => sum(b) - sum(a) || a.name.localeCompare(b.name));
}
