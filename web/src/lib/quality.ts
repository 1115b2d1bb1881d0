// What a verdict says, in sentences and figures.
import type { FlowRow, QualityLabel, Verdict } from "@/api";
import { t } from "@/i18n";
import { count, microseconds, milliseconds, mosText, percent } from "./format";
import { confidenceWord, qualityWord } from "./words";

/** The best first: how legends and filters list them. */
export const LABELS = ["excellent", "good", "fair", "poor"] as const satisfies readonly QualityLabel[];

/** The label of a score, by the borders of the contract. */
export function labelOf(score: number | null | undefined): QualityLabel {
  if (score === null || score === undefined) return "none";
  return score >= 80 ? "excellent" : score >= 60 ? "good" : score > 30 ? "fair" : "poor";
}

/** What decided, with its numbers. */
export function reasonText(verdict: Verdict): string {
  const { reason, value = 0, of = 0 } = verdict;
  if (verdict.label === "none") return t(`quality.none.${verdict.unjudged ?? "too_little"}`);
  if (!reason) return t("quality.reason.none");
  const values = { n: count(value), of: count(of), share: percent(of ? value / of : null) };
  switch (reason) {
    case "rtt":
    case "rtt_var":
    case "dns_answer":
    case "rtp_jitter":
      return t(`quality.reason.${reason}`, { time: microseconds(value) });
    case "mos":
      return t("quality.reason.mos", { mos: mosText(value) });
    case "zero_window":
      return t("quality.reason.zero_window", { time: milliseconds(value), span: milliseconds(of) });
    default:
      return t(`quality.reason.${reason}`, values);
  }
}

/** In a row of the table: speech by its MOS, other media by their jitter; of the worse direction. */
export function mediaText(row: FlowRow): string {
  const sides = [row.media?.c2s, row.media?.s2c].filter((side) => side !== undefined);
  const mos = sides.flatMap((side) => side.mos ?? []);
  if (mos.length) return t("flows.mos", { mos: mosText(Math.min(...mos)) });
  const jitter = sides.flatMap((side) => side.jitter_us ?? []);
  return jitter.length ? t("flows.jitter", { time: microseconds(Math.max(...jitter)) }) : "";
}

export function blameText(verdict: Verdict): string {
  const { blame } = verdict;
  return blame && blame !== "none" ? t(`quality.blame.${blame}`) : "";
}

/** Both directions in words, for a tooltip and for screen readers; "" when there is no verdict. */
export function qualityText(row: FlowRow): string {
  if (!row.quality) return "";
  const side = (name: "c2s" | "s2c") => {
    const verdict = row.quality![name];
    const score = verdict.score === undefined ? "" : ` ${verdict.score}`;
    const sure = verdict.score === undefined ? "" : ` (${confidenceWord(verdict.confidence)})`;
    return `${t(`flow.${name}`)}: ${qualityWord(verdict.label)}${score}${sure}. ${reasonText(verdict)}`;
  };
  return `${side("c2s")}\n${side("s2c")}`;
}
