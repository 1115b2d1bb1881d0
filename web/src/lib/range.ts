// The time ranges of the instance page, and the spacing of points that suits each.
export const RANGES = ["5m", "15m", "1h", "6h", "24h"] as const;
export type Range = (typeof RANGES)[number];

interface RangeInfo {
  span_ms: number;
  step_s: number;
  /** Whether 1 s live points are drawn at its end; at longer ranges they would be less than a pixel. */
  live: boolean;
}

const INFO: Record<Range, RangeInfo> = {
  "5m": { span_ms: 5 * 60_000, step_s: 10, live: true },
  "15m": { span_ms: 15 * 60_000, step_s: 10, live: true },
  "1h": { span_ms: 3_600_000, step_s: 10, live: true },
  "6h": { span_ms: 6 * 3_600_000, step_s: 60, live: false },
  "24h": { span_ms: 24 * 3_600_000, step_s: 120, live: false },
};

export const rangeInfo = (range: Range): RangeInfo => INFO[range];

/** The range that a text names; the default for anything else. */
export function parseRange(text: string): Range {
  return (RANGES as readonly string[]).includes(text) ? (text as Range) : "15m";
}
