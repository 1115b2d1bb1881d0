// What a report is about, in words, and the time zones that it may be in.
import type { Report, ScheduleRhythm } from "@/api";
import { t } from "@/i18n";

/** "site:pisa" for a person. */
export function scopeWord(scope: string): string {
  const [what, name = ""] = scope.split(":");
  if (what === "site") return t("report.scope.site", { name });
  if (what === "instance") return t("report.scope.instance", { name });
  return t("report.scope.fleet");
}

export const isUnfinished = (report: Report) =>
  report.state === "queued" || report.state === "running";

export const PERIODS = ["hour", "day", "week", "month", "custom"] as const;
export const RHYTHMS: readonly ScheduleRhythm[] = ["daily", "weekly", "monthly"];

/** The zone of this browser: what a person means who says nothing. */
export const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
export const zones = (): string[] => {
  const known = (Intl as { supportedValuesOf?: (key: string) => string[] }).supportedValuesOf;
  return ["UTC", ...(known ? known("timeZone") : [])];
};

/** A file name that says what is inside: picket-site-pisa-2026-11-25.html. */
export function fileName(report: Report): string {
  return `picket-${report.scope.replace(":", "-")}-${new Date(report.to_ms).toISOString().slice(0, 10)}.html`;
}

/** The value of a datetime-local input, in the browser's own time, and back. */
export function toInput(at_ms: number): string {
  return new Date(at_ms - new Date(at_ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
export const fromInput = (text: string): number => new Date(text).getTime();
