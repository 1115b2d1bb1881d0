import { describe, expect, it } from "vitest";
import type { Asset, AssetService } from "@/api";
import { joinPages, lastSeen, makerOf, serviceTitle, serviceWord } from "@/lib/assets";

const asset = (more: Partial<Asset> = {}): Asset => ({
  id: "1", host: "10.0.0.7", vlan: 0, mac: "00:1b:21:3c:9d:f8", mac_shared: false, mac_made_up: false,
  vendor: "Example Works", name: null, state: "online", always_on: false, missing: false, since_ms: 1,
  first_ms: 1, last_ms: 2, instance: "pisa-1", site: "pisa", services: [], os: null, device: null, clues: [], ...more,
});
const service = (more: Partial<AssetService>): AssetService => ({ transport: "tcp", port: 9000, name: null, protocol: null, ...more });

describe("a service", () => {
  it("is called by its port's name, by what was seen on it, or by its port alone", () => {
    expect(serviceWord(service({ port: 22, name: "ssh", protocol: "SSH" }))).toBe("ssh");
    expect(serviceWord(service({ port: 8022, protocol: "SSH" }))).toBe("SSH 8022");
    expect(serviceWord(service({}))).toBe("tcp 9000");
  });
  it("tells in full what was seen where", () => {
    expect(serviceTitle(service({ port: 443, name: "https", protocol: "TLS" }))).toBe("tcp/443 https, seen as TLS");
    expect(serviceTitle(service({}))).toBe("tcp/9000");
  });
});

describe("a card", () => {
  it("has a maker, is made up, or has an unknown one; without a MAC there is none", () => {
    expect(makerOf(asset())).toBe("Example Works");
    expect(makerOf(asset({ vendor: null, mac_made_up: true }))).toBe("Private address");
    expect(makerOf(asset({ vendor: null }))).toBe("Unknown vendor");
    expect(makerOf(asset({ mac: null }))).toBeNull();
  });
});

describe("rows", () => {
  it("were last seen now while they are online", () => {
    expect(lastSeen(asset(), 1000)).toBe(1000);
    expect(lastSeen(asset({ state: "unknown" }), 1000)).toBe(2);
  });
  it("that moved to a later page are told once", () => {
    const pages = [[asset({ id: "1" }), asset({ id: "2" })], [asset({ id: "2", name: "old" }), asset({ id: "3" })]];
    const rows = joinPages(pages);
    expect(rows.map((row) => row.id)).toEqual(["1", "2", "3"]);
    expect(rows[1]?.name).toBeNull();
  });
});
