// Devices and probes as pages show them: how bad a state is, which rows a filter leaves, and lines
// of a chart out of stored points.
import type { Device, DeviceInterface, Probe } from "@/api";
import type { ShapeName } from "@/components/StatusShape.vue";
import { t } from "@/i18n";
import { duration } from "./format";
import type { ChartData } from "./series";

export type Tone = "up" | "attention" | "down" | "off";

const CREDENTIALS = ["unknown_user", "wrong_digest", "decryption_error", "wrong_level", "no_access"];

/** The colour group of a device's or a probe's state. */
export function toneOf(state: string): Tone {
  if (state === "up" || state === "ok") return "up";
  if (state === "waiting" || state === "disabled") return "off";
  if (CREDENTIALS.includes(state) || state.startsWith("wrong_") || state === "bad_certificate") return "attention";
  return "down";
}

const SHAPES: Record<Tone, ShapeName> = { up: "up", attention: "degraded", down: "unreachable", off: "invited" };
export const shapeOf = (state: string): ShapeName => (state === "disabled" ? "stopped" : SHAPES[toneOf(state)]);

const ORDER: Record<Tone, number> = { down: 0, attention: 1, up: 2, off: 3 };
/** The worst first. */
export const rankOf = (state: string): number => ORDER[toneOf(state)];

type Value = string | number;

/** Rows sorted by a value of each; those without one come last in both directions. */
export function sortBy<R>(rows: readonly R[], value: (row: R) => Value | null, desc: boolean): R[] {
  const sign = desc ? -1 : 1;
  return [...rows].sort((a, b) => {
    const x = value(a);
    const y = value(b);
    if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
    if (typeof x === "string" && typeof y === "string") return sign * x.localeCompare(y, undefined, { numeric: true });
    return sign * (Number(x) - Number(y));
  });
}

export const matches = (text: string, ...fields: (string | null)[]): boolean => {
  const wanted = text.trim().toLowerCase();
  return !wanted || fields.some((field) => field?.toLowerCase().includes(wanted));
};

/** Polled so long ago that its figures are history. */
export function isStale(row: { interval_s: number }, at_ms: number | null, now_ms: number): boolean {
  const PATIENCE = 3;
  const SLACK_MS = 30_000;
  return at_ms !== null && row.interval_s > 0 && now_ms - at_ms > PATIENCE * row.interval_s * 1000 + SLACK_MS;
}

/** What is to be said of figures that are history: how old they are, and when it is so because the
 * instance itself does not answer, that. Empty while they are of now. */
export function oldNote(
  row: { interval_s: number; instance: string | null },
  at_ms: number | null,
  now_ms: number,
  instance: { answering: boolean } | undefined,
): string {
  if (at_ms === null) return "";
  const age = duration(Math.max(0, now_ms - at_ms));
  if (instance && !instance.answering) return t("target.silent", { name: row.instance ?? "", age });
  return isStale(row, at_ms, now_ms) ? t("target.old", { age }) : "";
}

export const memoryRatio = (row: Pick<Device, "memory_used" | "memory_total">): number | null =>
  row.memory_total ? (row.memory_used ?? 0) / row.memory_total : null;

export type PortState = "up" | "down" | "off" | "other";
export function portState(port: Pick<DeviceInterface, "admin" | "oper">): PortState {
  if (port.admin === 2) return "off";
  if (port.oper === 1) return "up";
  return port.oper === 2 || port.oper === 7 || port.oper === 6 ? "down" : "other";
}
export const PORT_TONES: Record<PortState, Tone> = { up: "up", down: "down", off: "off", other: "attention" };

/** Days until the end of a certificate, rounded down; negative once it has ended. */
export const daysLeft = (probe: Pick<Probe, "cert_end_ms">, now_ms: number): number | null =>
  probe.cert_end_ms === null ? null : Math.floor((probe.cert_end_ms - now_ms) / 86_400_000);

interface Timed {
  at_ms: number;
}

const GAP_FACTOR = 2.5; // one late poll is no gap

/** One line or two through the same points, broken where polls are missing. */
export function linesOf<P extends Timed>(
  points: readonly P[],
  first: (point: P) => number | null | undefined,
  second: ((point: P) => number | null | undefined) | null,
  span: { from_ms: number; to_ms: number; spacing_ms: number },
): { data: ChartData; second: (number | null)[] | undefined } {
  const data: ChartData = { x: [], y: [], gaps: [], late: [] };
  const lower: (number | null)[] = [];
  const longest = span.spacing_ms * GAP_FACTOR;
  let previous: number | null = null;
  for (const point of points) {
    if (previous !== null && point.at_ms - previous > longest) {
      data.gaps.push({ from_ms: previous, to_ms: point.at_ms });
      data.x.push((previous + 1) / 1000);
      data.y.push(null);
      lower.push(null);
    }
    data.x.push(point.at_ms / 1000);
    data.y.push(first(point) ?? null);
    lower.push(second?.(point) ?? null);
    previous = point.at_ms;
  }
  if (previous !== null && span.to_ms - previous > longest + span.spacing_ms) {
    data.gaps.push({ from_ms: previous, to_ms: span.to_ms });
  }
  return { data, second: second ? lower : undefined };
}
