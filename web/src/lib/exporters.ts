// What is said of flow exporters, in words.
import type { Exporter, FlowRow } from "@/api";
import { t, tn } from "@/i18n";
import { count, duration, UNKNOWN } from "@/lib/format";

const SKEW_MS = 2000; // a clock that differs by less is right

export function samplingWord(rate: number | undefined): string {
  if (!rate) return UNKNOWN;
  return rate === 1 ? t("exporters.sampling.all") : t("exporters.sampling.one_in", { n: count(rate) });
}

export function skewWord(skew_ms: number): string {
  if (Math.abs(skew_ms) < SKEW_MS) return t("exporters.skew.right");
  const span = duration(Math.abs(skew_ms));
  return skew_ms > 0 ? t("exporters.skew.ahead", { span }) : t("exporters.skew.behind", { span });
}

/** NetFlow v5 and IPFIX count flows, v9 counts its datagrams. */
export function lostWord(row: Exporter): string {
  const parts: string[] = [];
  if (row.lost_flows) parts.push(tn("exporters.lost.flows", row.lost_flows, { n: count(row.lost_flows) }));
  if (row.lost_datagrams) parts.push(tn("exporters.lost.datagrams", row.lost_datagrams, { n: count(row.lost_datagrams) }));
  return parts.join(", ") || t("exporters.lost.none");
}

/** NetFlow v5 has none. */
export const templatesWord = (row: Exporter): string =>
  row.versions.some((version) => version !== "NetFlow v5") ? count(row.templates) : UNKNOWN;

export const unreadable = (row: Exporter): number => row.malformed + row.untemplated;

const interfaceWord = (n: number | null | undefined) =>
  n ? t("exporters.interface", { n }) : t("exporters.interface.unknown");

export const interfaces = (row: FlowRow): string =>
  `${interfaceWord(row.input_if)} → ${interfaceWord(row.output_if)}`;
