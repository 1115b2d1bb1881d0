// A flow over time: what its records told, a minute apart, and what was seen of it live.
import type { FlowPoint, FlowRow } from "@/api";
import type { ChartData } from "./series";

/** What can be drawn, and what of it this flow has. */
export type FlowMeasure = "rtt" | "rtt_var" | "jitter" | "mos" | "score";
export const FLOW_MEASURES: readonly FlowMeasure[] = ["rtt", "rtt_var", "jitter", "mos", "score"];

/** Both lines of a measure: by side for round trips, else by direction. */
const LINES: Record<FlowMeasure, readonly [keyof FlowPoint, keyof FlowPoint]> = {
  rtt: ["rtt_client_us", "rtt_server_us"],
  rtt_var: ["rtt_client_var_us", "rtt_server_var_us"],
  jitter: ["jitter_us_c2s", "jitter_us_s2c"],
  mos: ["mos_c2s", "mos_s2c"],
  score: ["score_c2s", "score_s2c"],
};

/** A live row as a point of the same kind. */
export function livePoint(row: FlowRow, at_ms: number): FlowPoint {
  return {
    at_ms,
    score_c2s: row.quality?.c2s.score,
    score_s2c: row.quality?.s2c.score,
    rtt_client_us: row.rtt_client_us ?? undefined,
    rtt_server_us: row.rtt_server_us ?? undefined,
    rtt_client_var_us: row.rtt_client_var_us,
    rtt_server_var_us: row.rtt_server_var_us,
    jitter_us_c2s: row.media?.c2s?.jitter_us,
    jitter_us_s2c: row.media?.s2c?.jitter_us,
    mos_c2s: row.media?.c2s?.mos,
    mos_s2c: row.media?.s2c?.mos,
  };
}

/** Stored points up to where the live ones begin, then those. */
export function joinPoints(stored: readonly FlowPoint[], live: readonly FlowPoint[]): FlowPoint[] {
  const first = live[0]?.at_ms ?? Infinity;
  return [...stored.filter((p) => p.at_ms < first), ...live];
}

const HOUR_MS = 3_600_000;

/** The time to ask for, its end not included: that in which the flow lived, of that the last hour. */
export function historyRange(row: Pick<FlowRow, "first_ms" | "last_ms">): { from_ms: number; to_ms: number } {
  const to_ms = row.last_ms + 1000;
  return { from_ms: Math.max(row.first_ms, to_ms - HOUR_MS), to_ms };
}

/** Why no line can be drawn, or null: no record, none with a measure, or a single point of it. */
export function undrawn(points: readonly FlowPoint[], drawn: number): "none" | "unmeasured" | "one" | null {
  if (drawn > 1) return null;
  return points.length === 0 ? "none" : drawn === 0 ? "unmeasured" : "one";
}

/** What the points are of: whole records, seconds since `live_ms` when it was looked at, or both. */
export function pace(points: readonly FlowPoint[], live_ms?: number): "record" | "second" | "both" {
  if (live_ms === undefined) return "record";
  return points.some((p) => p.at_ms < live_ms) ? "both" : "second";
}

/** The measures of which there is at least one value. */
export const present = (points: readonly FlowPoint[]): FlowMeasure[] =>
  FLOW_MEASURES.filter((m) => points.some((p) => LINES[m].some((key) => p[key] !== undefined)));

/** Two lines over the same times; null where a point does not know. */
export function flowChart(points: readonly FlowPoint[], measure: FlowMeasure): { data: ChartData; second: (number | null)[] } {
  const [first, second] = LINES[measure];
  const known = points.filter((p) => p[first] !== undefined || p[second] !== undefined);
  return {
    data: { x: known.map((p) => p.at_ms / 1000), y: known.map((p) => p[first] ?? null), gaps: [], late: [] },
    second: known.map((p) => p[second] ?? null),
  };
}
