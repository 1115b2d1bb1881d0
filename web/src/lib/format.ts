// All numbers, sizes, rates and times that a person reads are written here, and nowhere else.
// Every quantity carries its unit; a value that is not known is a dash.
import { locale, t } from "@/i18n";

export const UNKNOWN = "–";

type Maybe = number | null | undefined;

const formats = new Map<string, Intl.NumberFormat>();
function digits(fraction: number): Intl.NumberFormat {
  const key = `${locale()}/${fraction}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.NumberFormat(locale(), { maximumFractionDigits: fraction });
    formats.set(key, format);
  }
  return format;
}

/** Three significant digits at most, so that a column of live values does not change its width. */
function short(value: number): string {
  const size = Math.abs(value);
  return digits(size >= 100 ? 0 : size >= 10 ? 1 : 2).format(value);
}

function scaled(value: Maybe, base: number, units: readonly string[]): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  let n = value;
  let i = 0;
  while (Math.abs(n) >= base - 0.5 && i < units.length - 1) {
    n /= base;
    i++;
  }
  return `${i === 0 ? digits(0).format(n) : short(n)}\u00a0${units[i]}`;
}

export const bitRate = (bps: Maybe) =>
  scaled(bps, 1000, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"]);
/** Events in a second, to a tenth. */
export const perSecond = (n: Maybe) => (n === null || n === undefined ? UNKNOWN : `${n < 10 ? n.toFixed(1) : count(Math.round(n))}/s`);
export const packetRate = (pps: Maybe) => scaled(pps, 1000, ["pkt/s", "kpkt/s", "Mpkt/s"]);
export const bytes = (size: Maybe) => scaled(size, 1000, ["B", "kB", "MB", "GB", "TB", "PB"]);

/** A plain number of things, whole; the heading names them. */
export function count(n: Maybe): string {
  return n === null || n === undefined ? UNKNOWN : digits(0).format(n);
}

/** A number of things in few characters: 12,345 is 12.3 k. */
export function countShort(n: Maybe): string {
  if (n === null || n === undefined) return UNKNOWN;
  return Math.abs(n) < 10_000 ? count(n) : scaled(n, 1000, ["", "k", "M", "G"]).trim();
}

export function percent(ratio: Maybe): string {
  if (ratio === null || ratio === undefined || !Number.isFinite(ratio)) return UNKNOWN;
  const value = ratio * 100;
  return `${digits(value < 10 && value > 0 ? 1 : 0).format(value)}\u00a0%`;
}

/** A latency: 340 µs, 12.4 ms, 1.2 s. */
export const microseconds = (us: Maybe) => scaled(us, 1000, ["µs", "ms", "s"]);

/** A mean opinion score, of thousandths: 4.23. */
export const mosText = (mos: Maybe) => (mos ? (mos / 1000).toFixed(2) : UNKNOWN);

/** A span that is known to the millisecond: 340 ms, 1.2 s. */
export const milliseconds = (ms: Maybe) => scaled(ms, 1000, ["ms", "s"]);

const PARTS = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
  ["s", 1],
] as const;

/** A span in its two greatest units: 14 s, 3 min 5 s, 2 d 4 h. Negative spans count as 0. */
export function duration(ms: Maybe): string {
  if (ms === null || ms === undefined) return UNKNOWN;
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const at = PARTS.findIndex(([, size]) => seconds >= size);
  if (at < 0) return "0\u00a0s";
  const [unit, size] = PARTS[at]!;
  const head = `${Math.floor(seconds / size)}\u00a0${unit}`;
  const next = PARTS[at + 1];
  const rest = next ? Math.floor((seconds % size) / next[1]) : 0;
  return rest && next ? `${head} ${rest}\u00a0${next[0]}` : head;
}

/** An outage: below 10 s with a tenth, because that is where it matters. */
export function outage(ms: Maybe): string {
  if (ms === null || ms === undefined) return UNKNOWN;
  return ms < 10_000 ? `${digits(1).format(ms / 1000)}\u00a0s` : duration(ms);
}

/** How long ago, in one unit: "now" below two seconds, then 14 s, 3 min, 2 h ago. */
export function ago(at_ms: Maybe, now_ms: number): string {
  if (at_ms === null || at_ms === undefined) return t("time.never");
  const age = now_ms - at_ms;
  if (age < 2000) return t("time.now");
  const [unit, size] = PARTS.find(([, s]) => age >= s * 1000)!;
  return t("time.ago", { span: `${Math.floor(age / 1000 / size)}\u00a0${unit}` });
}

const clockFormat = () =>
  new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dayFormat = () =>
  new Intl.DateTimeFormat(locale(), {
    year: "numeric", month: "short", day: "numeric",
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
  });

export const clockTime = (at_ms: number) => clockFormat().format(at_ms);
export const dateTime = (at_ms: Maybe) =>
  at_ms === null || at_ms === undefined ? UNKNOWN : dayFormat().format(at_ms);

/** The day alone, as UTC has it: stored facts are cut at its midnight. */
export const date = (at_ms: Maybe) =>
  at_ms === null || at_ms === undefined
    ? UNKNOWN
    : new Intl.DateTimeFormat(locale(), { year: "numeric", month: "short", day: "numeric", timeZone: "UTC" }).format(at_ms);

/** The time alone when it is of today, with the day otherwise. */
export function shortTime(at_ms: Maybe, now_ms: number): string {
  if (at_ms === null || at_ms === undefined) return UNKNOWN;
  const sameDay = new Date(at_ms).toDateString() === new Date(now_ms).toDateString();
  if (sameDay) return clockTime(at_ms);
  return new Intl.DateTimeFormat(locale(), {
    month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  }).format(at_ms);
}

/** Address and port as one text; IPv6 in brackets. */
export function endpoint(address: string, port: number): string {
  if (!port) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

const FLAG_NAMES = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"] as const;
export function tcpFlags(bits: Maybe): string {
  if (bits === null || bits === undefined) return UNKNOWN;
  return FLAG_NAMES.filter((_, bit) => bits & (1 << bit)).join(" ") || UNKNOWN;
}
