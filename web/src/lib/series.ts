// Turns stored and live points into what a chart draws: one line, broken where nothing is known.
import type { Point } from "@/api";

export type Measure = "bps" | "pps" | "flows" | "hosts";

export interface Segment {
  from_ms: number;
  to_ms: number;
}

export interface ChartData {
  /** Seconds since the epoch, rising. */
  x: number[];
  /** null breaks the line. */
  y: (number | null)[];
  /** Where data is missing between two points, or between the last point and the end. */
  gaps: Segment[];
  /** Where points were filled in after an absence. */
  late: Segment[];
}

const GAP_FACTOR = 2.5; // one late point is no gap

/** Stored points up to where the live ones begin, then the live ones. Both in order of time. */
export function mergePoints(stored: readonly Point[], live: readonly Point[]): Point[] {
  const first = live[0]?.at_ms ?? Infinity;
  return [...stored.filter((p) => p.at_ms < first), ...live];
}

/** Appends points that are newer than the last, and forgets those before `keep_from_ms`. */
export function appendPoints(old: readonly Point[], fresh: readonly Point[], keep_from_ms: number): Point[] {
  const last = old[old.length - 1]?.at_ms ?? -Infinity;
  const added = fresh.filter((p) => p.at_ms > last);
  return [...old.filter((p) => p.at_ms >= keep_from_ms), ...added];
}

/** Steps that follow each other are one segment. */
function noteLate(late: Segment[], at_ms: number, step_ms: number): void {
  const last = late[late.length - 1];
  if (last && at_ms <= last.to_ms + step_ms) last.to_ms = at_ms + step_ms;
  else late.push({ from_ms: at_ms, to_ms: at_ms + step_ms });
}

/** A chart of one measure between two times. `step_ms` is the spacing of stored points. */
export function chartData(
  points: readonly Point[],
  measure: Measure,
  from_ms: number,
  to_ms: number,
  step_ms: number,
): ChartData {
  const out: ChartData = { x: [], y: [], gaps: [], late: [] };
  const longest = step_ms * GAP_FACTOR;
  let previous: number | null = null;
  for (const point of points) {
    const value = point[measure];
    if (point.at_ms < from_ms || point.at_ms > to_ms || value === undefined) continue;
    if (previous !== null && point.at_ms - previous > longest) {
      out.gaps.push({ from_ms: previous, to_ms: point.at_ms });
      out.x.push((previous + 1) / 1000);
      out.y.push(null);
    }
    out.x.push(point.at_ms / 1000);
    out.y.push(value);
    if (point.late) noteLate(out.late, point.at_ms, step_ms);
    previous = point.at_ms;
  }
  // The last stored step is on its way for a while: only a longer silence is a gap.
  if (previous !== null && to_ms - previous > longest + step_ms) {
    out.gaps.push({ from_ms: previous, to_ms });
  }
  return out;
}

/** The sum over series of the same spacing, aligned at their newest end; null where all are null. */
export function sumSparks(sparks: readonly (readonly (number | null)[])[]): (number | null)[] {
  const length = Math.max(0, ...sparks.map((s) => s.length));
  const sum: (number | null)[] = new Array<number | null>(length).fill(null);
  for (const spark of sparks) {
    const shift = length - spark.length;
    spark.forEach((value, i) => {
      if (value !== null) sum[i + shift] = (sum[i + shift] ?? 0) + value;
    });
  }
  return sum;
}

interface Pen {
  x: string;
  y: string;
}

/** Runs of known values as positions in a box of w × h; zero is the floor. */
function sparkRuns(values: readonly (number | null)[], w: number, h: number): Pen[][] {
  const top = Math.max(1, ...values.map((v) => v ?? 0));
  const dx = values.length > 1 ? w / (values.length - 1) : 0;
  const runs: Pen[][] = [];
  let run: Pen[] | null = null;
  values.forEach((value, i) => {
    if (value === null) {
      run = null;
      return;
    }
    if (!run) runs.push((run = []));
    run.push({ x: (i * dx).toFixed(1), y: (h - 1 - (value / top) * (h - 2)).toFixed(1) });
  });
  return runs;
}

const lineThrough = (run: readonly Pen[]) => run.map(({ x, y }, i) => `${i ? "L" : "M"}${x} ${y}`).join("");

/** SVG path of a sparkline; the line breaks at nulls. */
export function sparkPath(values: readonly (number | null)[], w: number, h: number): string {
  return sparkRuns(values, w, h).map(lineThrough).join("");
}

/** SVG path of the area between the sparkline and the floor. */
export function sparkArea(values: readonly (number | null)[], w: number, h: number): string {
  return sparkRuns(values, w, h)
    .map((run) => `${lineThrough(run)}L${run[run.length - 1]!.x} ${h}L${run[0]!.x} ${h}Z`)
    .join("");
}
