import { describe, expect, it } from "vitest";
import type { Losses } from "@/api";
import { dropping, HOPS, rateOf, remember, sumsOf, type Sample, type Sums } from "@/lib/drops";
import { chartData } from "@/lib/series";
import { makeInstance as instance } from "./make";

const losses: Losses = {
  centre: { bus: 1, messages_held: 2, batches_held: 3, malformed: 4, unknown: 5, quarantined: 6, web_held: 7, stored: 8 },
  gaps: [
    { instance: "a", stream: "flow", reason: "spool_full", records: 10, gaps: 1, last_ms: 0 },
    { instance: "b", stream: "ctr", reason: "disk_error", records: 5, gaps: 2, last_ms: 0 },
  ],
};
const none = Object.fromEntries(HOPS.map((hop) => [hop, 0])) as Sums;
const sample = (at_ms: number, kernel: number): Sample => ({ at_ms, sums: { ...none, kernel } });

describe("drops at every hop", () => {
  const by = { kernel: 7, ring: 0, table: 1, queue: 0, spool: 0, client: 0, half_open: 0, early: 0 };
  const rows = [instance({ name: "quiet" }), instance({ name: "loud", drops_by: by }), instance({ name: "away", drops_by: null })];

  it("are summed over instances, the centre and what is missing", () => {
    expect(sumsOf(rows, losses)).toEqual({ ...none, kernel: 7, table: 1, bus: 1, messages_held: 2, batches_held: 3, malformed: 4, unknown: 5, quarantined: 6, gaps: 15 });
  });

  it("name the instances that drop", () => {
    expect(dropping(rows).map((row) => row.name)).toEqual(["loud"]);
  });

  it("have a rate over the last minute, none before the second sample or across a restart", () => {
    let samples = remember([], sample(0, 100));
    expect(rateOf(samples, "kernel")).toBeNull();
    for (let s = 5; s <= 300; s += 5) samples = remember(samples, sample(s * 1000, 100 + s * 2));
    expect(rateOf(samples, "kernel")).toBeCloseTo(2);
    expect(samples.length).toBeLessThan(15);
    expect(rateOf(remember(samples, sample(305_000, 0)), "kernel")).toBe(0);
  });
});

describe("a chart", () => {
  it("marks what was filled in later, in whole stretches", () => {
    const points = [0, 10, 20, 30, 40, 50].map((s) => ({ at_ms: s * 1000, bps: 1, pps: 1, late: s < 20 || s === 40 }));
    expect(chartData(points, "bps", 0, 60_000, 10_000).late).toEqual([
      { from_ms: 0, to_ms: 20_000 },
      { from_ms: 40_000, to_ms: 50_000 },
    ]);
  });
});
