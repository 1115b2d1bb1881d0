import { describe, expect, it } from "vitest";
import type { ConfigItem } from "@/api";
import { daysLeft, isStale, linesOf, matches, memoryRatio, oldNote, portState, rankOf, sortBy, toneOf } from "@/lib/devices";
import { bodyOf, formOf, headOf, probeMembers, snmpMembers } from "@/lib/targets";

describe("states of devices and probes", () => {
  it("come in four groups, the worst first", () => {
    expect(["timeout", "refused", "fault"].map(toneOf)).toEqual(["down", "down", "down"]);
    expect(["wrong_digest", "unknown_user", "no_access", "wrong_status", "bad_certificate"].map(toneOf)).toEqual(Array(5).fill("attention"));
    expect(["up", "ok", "waiting", "disabled"].map(toneOf)).toEqual(["up", "up", "off", "off"]);
    expect(sortBy(["up", "waiting", "wrong_digest", "timeout"], rankOf, false)).toEqual(["timeout", "wrong_digest", "up", "waiting"]);
  });
  it("of a port tell what is switched off from what is down", () => {
    expect(portState({ admin: 2, oper: 2 })).toBe("off");
    expect(portState({ admin: 1, oper: 1 })).toBe("up");
    expect(portState({ admin: 1, oper: 7 })).toBe("down");
    expect(portState({ admin: 1, oper: 5 })).toBe("other");
  });
  it("are old after three polls that did not come", () => {
    expect(isStale({ interval_s: 60 }, 0, 200_000)).toBe(false);
    expect(isStale({ interval_s: 60 }, 0, 211_000)).toBe(true);
    expect(isStale({ interval_s: 60 }, null, 211_000)).toBe(false);
    const row = { interval_s: 60, instance: "pisa-1" };
    expect(oldNote(row, 0, 200_000, { answering: true })).toBe("");
    expect(oldNote(row, 0, 211_000, undefined)).toMatch(/^What you see is 3.min.* old\.$/);
    expect(oldNote(row, 0, 61_000, { answering: false })).toMatch(/^pisa-1 does not answer: .* 1.min.* old\.$/);
    expect(oldNote(row, null, 211_000, { answering: false })).toBe("");
  });
});

describe("rows", () => {
  it("without a value come last in both directions, numbers in names count as numbers", () => {
    const rows = [{ n: "Gi1/0/10" }, { n: null }, { n: "Gi1/0/9" }];
    expect(sortBy(rows, (row) => row.n, false).map((row) => row.n)).toEqual(["Gi1/0/9", "Gi1/0/10", null]);
    expect(sortBy(rows, (row) => row.n, true).map((row) => row.n)).toEqual(["Gi1/0/10", "Gi1/0/9", null]);
  });
  it("are found by any of their texts", () => {
    expect(matches(" CORE ", null, "core-1")).toBe(true);
    expect(matches("edge", null, "core-1")).toBe(false);
    expect(matches("", null)).toBe(true);
  });
  it("know what share of memory is used, and when a certificate ends", () => {
    expect(memoryRatio({ memory_used: 3, memory_total: 4 })).toBe(0.75);
    expect(memoryRatio({ memory_used: null, memory_total: null })).toBeNull();
    expect(daysLeft({ cert_end_ms: 86_400_000 * 2.5 }, 0)).toBe(2);
    expect(daysLeft({ cert_end_ms: -1 }, 0)).toBe(-1);
  });
});

describe("lines of a chart", () => {
  it("break where polls are missing, both at once", () => {
    const points = [0, 10_000, 60_000].map((at_ms) => ({ at_ms, a: at_ms, b: 1 }));
    const { data, second } = linesOf(points, (p) => p.a, (p) => p.b, { from_ms: 0, to_ms: 65_000, spacing_ms: 10_000 });
    expect(data.y).toEqual([0, 10_000, null, 60_000]);
    expect(second).toEqual([1, 1, null, 1]);
    expect(data.gaps).toEqual([{ from_ms: 10_000, to_ms: 60_000 }]);
  });
  it("end in a gap when polls have stopped", () => {
    const { data } = linesOf([{ at_ms: 0 }], () => 1, null, { from_ms: 0, to_ms: 100_000, spacing_ms: 10_000 });
    expect(data.gaps).toEqual([{ from_ms: 0, to_ms: 100_000 }]);
  });
});

describe("forms of targets", () => {
  const item = { id: "4", name: "core", scope: "site:pisa", enabled: false, body: { host: "192.0.2.1", version: "3", list: [1] }, secrets: ["auth_key"] } as unknown as ConfigItem;
  it("take what an item has and keep the defaults for the rest", () => {
    expect(formOf({ host: "", port: 161, version: "2c" }, item)).toEqual({ host: "192.0.2.1", port: 161, version: "3" });
    expect(headOf(item)).toEqual({ name: "core", scope: "site:pisa", enabled: false });
    expect(headOf(null).scope).toBe("fleet");
  });
  it("send what the version has, and no empty secret", () => {
    const form = { host: " a ", port: 161, version: "3", community: "public", user: "u", auth: "sha256", auth_key: "", privacy: "none", privacy_key: "x", context: "" };
    expect(bodyOf(form, snmpMembers(form))).toEqual({ host: "a", port: 161, version: "3", user: "u", auth: "sha256", privacy: "none" });
    expect(snmpMembers({ ...form, version: "2c" })).toContain("community");
    expect(snmpMembers({ ...form, auth: "none", privacy: "aes128" })).not.toContain("privacy_key");
  });
  it("of probes hold what their kind needs", () => {
    expect(probeMembers("tcp")).toContain("port");
    expect(probeMembers("icmp")).toContain("count");
    expect(probeMembers("http")).toContain("url");
    expect(probeMembers("http")).not.toContain("host");
  });
});
