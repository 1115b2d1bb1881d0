import { describe, expect, it } from "vitest";
import type { LiveFleet } from "../src/api";
import { applyFleet, groupCounts, matches, sortFleet, totalsOf } from "../src/lib/fleet";
import { stateNote } from "../src/lib/words";
import { makeInstance } from "./make";

const frame = (instances: LiveFleet["instances"], gone: number[] = []): LiveFleet => ({
  instances, figures: [], gone, totals: totalsOf([]), centre: { state: "ok", reason: null },
});
const names = (rows: { name: string }[]) => rows.map((r) => r.name).join(" ");

describe("fleet reducer", () => {
  const before = applyFleet(new Map(), "snap", frame([makeInstance({ id: 1, name: "a" }), makeInstance({ id: 2, name: "b" })]));
  it("replaces everything on a snapshot", () => {
    expect([...applyFleet(before, "snap", frame([makeInstance({ id: 3 })])).keys()]).toEqual([3]);
  });
  it("puts changed rows in and takes gone ones out on a delta", () => {
    const after = applyFleet(before, "delta", frame([makeInstance({ id: 2, state: "unreachable" })], [1]));
    expect([...after.keys()]).toEqual([2]);
    expect(after.get(2)?.state).toBe("unreachable");
  });
  it("changes figures of a row that it knows", () => {
    const row = makeInstance({ id: 1, throughput_bps: 1, spark_bps: Array(60).fill(1) });
    const rows = applyFleet(new Map(), "snap", frame([row]));
    const figures = [{ id: 1, throughput_bps: 2, spark_add: [2, null] }, { id: 9, hosts: 1 }];
    const after = applyFleet(rows, "delta", { ...frame([]), figures });
    expect(after.size).toBe(1);
    expect(after.get(1)?.throughput_bps).toBe(2);
    expect(after.get(1)?.name).toBe(row.name);
    expect(after.get(1)?.spark_bps.length).toBe(60);
    expect(after.get(1)?.spark_bps.slice(-3)).toEqual([1, 2, null]);
    expect(rows.get(1)?.throughput_bps).toBe(1);
  });
  it("leaves the old rows as they were, so that a paused page stays", () => {
    applyFleet(before, "delta", frame([makeInstance({ id: 1, state: "stopped" })]));
    expect(before.get(1)?.state).toBe("up");
  });
});

describe("fleet order", () => {
  const rows = [
    makeInstance({ id: 1, name: "up-b" }),
    makeInstance({ id: 2, name: "up-a", throughput_bps: 9 }),
    makeInstance({ id: 3, name: "loud", alerts_engaged: 2 }),
    makeInstance({ id: 4, name: "dead", state: "unreachable", answering: false, throughput_bps: 100 }),
    makeInstance({ id: 5, name: "lossy", state: "degraded", throughput_bps: 5 }),
  ];
  it("puts the worst first, then the loudest, then by name", () => {
    expect(names(sortFleet(rows, "status"))).toBe("dead lossy loud up-a up-b");
    expect(names(sortFleet(rows, "-status"))).toBe("up-b up-a loud lossy dead");
  });
  it("puts unknown values last in both directions", () => {
    expect(names(sortFleet(rows, "-throughput"))).toBe("up-a lossy loud up-b dead");
    expect(names(sortFleet(rows, "throughput")).endsWith("dead")).toBe(true);
  });
  it("falls back to urgency for a sort it does not know", () => {
    expect(names(sortFleet(rows, "nonsense"))).toBe(names(sortFleet(rows, "status")));
  });
  it("filters by group, site and text", () => {
    const shown = (filter: object) => names(rows.filter((r) => matches(r, { q: "", site: "", group: "", ...filter })));
    expect(shown({ group: "down" })).toBe("dead");
    expect(shown({ q: " LOS" })).toBe("lossy");
    expect(shown({ site: "elsewhere" })).toBe("");
  });
  it("sums only what answers, and counts every state in one group", () => {
    const totals = totalsOf(rows);
    expect(totals.throughput_bps).toBe(14);
    expect(groupCounts(totals.by_state)).toEqual({ up: 3, attention: 1, down: 1, off: 0 });
  });
});

describe("the line under a status", () => {
  const note = (patch: Parameters<typeof makeInstance>[0], now_ms: number) =>
    stateNote(makeInstance(patch), now_ms).replaceAll("\u00a0", " ");
  it("says the cause of an outage and how long it lasts", () => {
    expect(note({ state: "unreachable", cause: "process_dead" }, 12_000)).toBe("process dead · for 12 s");
  });
  it("says how long an outage was while that is news", () => {
    expect(note({ outage_ms: 14_200 }, 60_000)).toBe("back after 14 s");
    expect(note({ outage_ms: 14_200 }, 3_600_000)).toBe("for 1 h");
  });
  it("says why it is degraded", () => {
    expect(note({ state: "degraded", reasons: ["drops", "clock_skew"] }, 5_000)).toBe("more than 1 % lost · clock is off · for 5 s");
  });
});
