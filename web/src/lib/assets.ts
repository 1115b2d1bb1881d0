// What an asset is called and what it serves, in few words.
import type { Asset, AssetService } from "@/api";
import { t } from "@/i18n";

/** "ssh", "SSH 8022" or "tcp 9000": the name of the port, what was seen on it, or the port alone. */
export function serviceWord(service: AssetService): string {
  if (service.name) return service.name;
  return `${service.protocol ?? service.transport} ${service.port}`;
}

/** The whole of it: "tcp/443 https, seen as TLS". */
export function serviceTitle(service: AssetService): string {
  const what = `${service.transport}/${service.port}${service.name ? ` ${service.name}` : ""}`;
  return service.protocol ? t("assets.service.seen", { what, protocol: service.protocol }) : what;
}

/** Who made its card; a made-up MAC says so. Null without a MAC. */
export function makerOf(asset: Asset): string | null {
  if (!asset.mac) return null;
  return asset.vendor ?? t(asset.mac_made_up ? "assets.made_up" : "assets.maker.unknown");
}

export const SYSTEMS = ["windows", "macos", "ios", "apple", "android", "linux", "freebsd"] as const;
export const DEVICES = ["computer", "mobile", "printer", "network", "camera", "voip", "storage", "media"] as const;

/** The name of the shape that stands for its state. */
export const stateShape = (state: Asset["state"]) =>
  state === "online" ? "up" : state === "offline" ? "released" : "pending";

/** When it was last heard: now, while it is online. */
export const lastSeen = (asset: Asset, now_ms: number) =>
  asset.state === "online" ? now_ms : asset.last_ms;

/** Pages put one behind the other; what moved meanwhile stays where it was seen first. */
export function joinPages(pages: readonly Asset[][]): Asset[] {
  const byId = new Map<string, Asset>();
  for (const row of pages.flat()) if (!byId.has(row.id)) byId.set(row.id, row);
  return [...byId.values()];
}
