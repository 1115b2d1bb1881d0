// Where a flow came from, in words: the tunnel it was in, the country and network of an end.
import type { FlowRow } from "@/api";
import { t } from "@/i18n";

const NAMES: Record<NonNullable<FlowRow["tunnel"]>, string> = {
  ipip: "IP in IP", gre: "GRE", erspan: "ERSPAN", vxlan: "VXLAN", geneve: "GENEVE", gtpu: "GTP-U",
  capwap: "CAPWAP", l2tp: "L2TP", pppoe: "PPPoE",
};

/** "VXLAN 5001"; the name alone when the tunnel has no id. */
export function tunnelWord(row: Pick<FlowRow, "tunnel" | "tunnel_id">): string {
  if (!row.tunnel) return "";
  return row.tunnel_id ? `${NAMES[row.tunnel]} ${row.tunnel_id}` : NAMES[row.tunnel];
}

const regions = new Intl.DisplayNames(["en"], { type: "region", fallback: "code" });

/** "Germany", by the ISO 3166-1 code. */
export function countryWord(code: string | undefined): string {
  return code ? (regions.of(code) ?? code) : "";
}

export interface Place { country?: string; asn?: number; as?: string }

/** "Germany · AS3320 Deutsche Telekom AG", as far as it is known; "" when nothing is. */
export function placeWord(place: Place): string {
  const network = place.asn ? t("place.as", { n: place.asn, name: place.as ?? "" }).trim() : (place.as ?? "");
  return [countryWord(place.country), network].filter(Boolean).join(" · ");
}

export function clientPlace(row: FlowRow): string {
  return placeWord({ country: row.client_country, asn: row.client_asn, as: row.client_as });
}

export function serverPlace(row: FlowRow): string {
  return placeWord({ country: row.server_country, asn: row.server_asn, as: row.server_as });
}
