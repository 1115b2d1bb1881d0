// What an alert is about, in one line.
import type { Alert } from "@/api";
import { entityWord } from "./words";

/** "client → server" for a flow, otherwise the thing it is about: "host 192.0.2.7". */
export function who(alert: Alert): string {
  if (alert.client && alert.server) return `${alert.client} → ${alert.server}`;
  if (alert.entity === "agent" || alert.entity === "centre") return alert.entity_id || entityWord(alert.entity);
  return `${entityWord(alert.entity)} ${alert.entity_id}`;
}

/** What was seen: the application that a flow carried, and the detail. Empty when neither is known. */
export function seen(alert: Alert): string {
  const app = alert.client && alert.app !== "Unknown" ? alert.app : "";
  return [app, alert.detail].filter(Boolean).join(" · ");
}

/** The address to look for in flows: the host itself or the client; null when it is not about one. */
export function hostOf(alert: Alert): string | null {
  if (alert.entity === "host") return alert.entity_id.split("@")[0] ?? null;
  if (!alert.client) return null;
  const bracketed = /^\[(.+)\](?::\d+)?$/.exec(alert.client);
  if (bracketed) return bracketed[1] ?? null;
  return alert.client.replace(/:\d+$/, "");
}
