// How live frames change a list of alerts.
import type { Alert, LiveAlerts } from "@/api";

/** Newest first, at most `limit`. A snapshot replaces; a delta puts changed rows in by id. */
export function applyAlerts(
  old: readonly Alert[],
  kind: "snap" | "delta",
  data: LiveAlerts,
  limit: number,
): Alert[] {
  const byId = new Map(kind === "snap" ? [] : old.map((a) => [a.id, a]));
  for (const alert of data.alerts) byId.set(alert.id, alert);
  for (const id of data.gone) byId.delete(id);
  return [...byId.values()].sort((a, b) => b.last_ms - a.last_ms).slice(0, limit);
}
