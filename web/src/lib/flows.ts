// Rules of the live flows table.
import type { FlowRow } from "@/api";

/** While held: the rows on the page keep their places and take new values; flows that have left
 * the answer keep their last; new ones are counted, not shown. */
export function heldRows(
  shown: readonly FlowRow[],
  fresh: readonly FlowRow[],
): { rows: FlowRow[]; waiting: number } {
  const byId = new Map(fresh.map((r) => [r.flow_id, r]));
  const known = new Set(shown.map((r) => r.flow_id));
  return {
    rows: shown.map((r) => byId.get(r.flow_id) ?? r),
    waiting: fresh.filter((r) => !known.has(r.flow_id)).length,
  };
}

/** "TLS · Google", or one of them when they are the same: what nDPI calls protocol and application. */
export function appName(row: FlowRow): string {
  const { app, protocol } = row;
  if (!protocol || protocol === app || protocol === "Unknown") return app || protocol;
  return app && app !== "Unknown" ? `${protocol} · ${app}` : protocol;
}

/** Values present in the rows, for the suggestions of a filter. */
export function present(rows: readonly FlowRow[], valueOf: (row: FlowRow) => string): string[] {
  return [...new Set(rows.map(valueOf).filter(Boolean))].sort((a, b) => a.localeCompare(b));
}

export const rttOf = (row: FlowRow): number | null => {
  const sum = (row.rtt_client_us ?? 0) + (row.rtt_server_us ?? 0);
  return sum > 0 ? sum : null;
};
