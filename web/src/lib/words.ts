// Words for what the centre tells in codes. A code that is newer than this console is shown as it is.
import type { Alert, ApiError, Instance, Severity, State } from "@/api";
import { en } from "@/i18n/en";
import { t, type Key } from "@/i18n";
import { duration, outage } from "./format";

function word(prefix: string, code: string): string {
  const key = `${prefix}.${code}`;
  return key in en ? t(key as Key) : code.replaceAll("_", " ");
}

export const stateWord = (state: State) => word("state", state);
export const causeWord = (cause: string) => word("cause", cause);
export const reasonWord = (reason: string) => word("reason", reason);
export const severityWord = (severity: Severity) => word("severity", severity);
export const statusWord = (status: string) => word("status", status);
export const entityWord = (entity: string) => word("entity", entity);
export const alertStateWord = (state: Alert["state"]) => word("alert.state", state);
export const retentionWord = (kind: string) => word("retention.kind", kind);
export const qualityWord = (label: string) => word("quality", label);
export const qualityReasonWord = (reason: string) => word("quality.short", reason);
export const confidenceWord = (confidence: string) => word("quality.confidence", confidence);
export const callWord = (state: string) => word("call", state);
export const classWord = (name: string) => word("quality.class", name);
export const deviceStateWord = (state: string) => word("device.state", state);
export const probeStateWord = (state: string) => word("probe.state", state);
export const sourceWord = (source: string) => word("assets.source", source);
export const streamWord = (stream: string) => word("stream", stream || "unknown");
export const gapReason = (reason: string) => word("gap", reason);
export const osWord = (os: string) => word("assets.os", os);
export const deviceWord = (device: string) => word("assets.device", device);
export const clueWord = (kind: string) => word("assets.clue", kind);
export const changeWord = (what: string) => word("assets.change", what);
export const roleWord = (role: string) => word("role", role);
export const centreReasonWord = (reason: string | null) => word("centre.reason", reason ?? "start");

/** What went wrong with a question. */
export function errorWhy(error: ApiError): string {
  if (error.code === "no_answer") return t("error.no_answer");
  if (error.code === "bad_answer") return t("error.bad_answer", { status: error.status, what: error.message });
  return error.message;
}
/** What can be done about it. */
export function errorRemedy(error: ApiError): string {
  if (error.hint) return error.hint;
  if (error.code === "no_answer") return t("error.no_answer.remedy");
  return error.status >= 500 || error.code === "internal" ? t("error.remedy") : "";
}
/** Both, as one line. */
export const errorText = (error: ApiError) => [errorWhy(error), errorRemedy(error)].filter(Boolean).join(" ");

/** "web_attack" for a person: "web attack". */
export const familyWord = (family: string) => family.replaceAll("_", " ");

export const SEVERITIES: readonly Severity[] = [
  "emergency", "critical", "error", "warning", "notice", "info",
];

const RECENT_MS = 15 * 60_000; // an outage that ended longer ago is history, not news

/** Why it is so, and since when: the line under a status. */
export function stateNote(row: Instance, now_ms: number): string {
  if (row.state === "invited") return t("state.waiting");
  const since = Math.max(0, now_ms - row.state_since_ms);
  const parts: string[] = [];
  if (row.state === "degraded") parts.push(...row.reasons.map(reasonWord));
  else if (row.cause && row.state !== "up") parts.push(causeWord(row.cause));
  const returned = row.state === "up" || row.state === "catching_up";
  if (returned && row.outage_ms !== null && since < RECENT_MS) {
    parts.push(t("state.back", { span: outage(row.outage_ms) }));
  } else {
    parts.push(t("state.for", { span: duration(since) }));
  }
  return parts.join(" · ");
}
