import { describe, expect, it } from "vitest";
import type { Point } from "../src/api";
import { parseRange, rangeInfo, RANGES } from "../src/lib/range";
import { appendPoints, chartData, mergePoints, sparkArea, sparkPath, sumSparks } from "../src/lib/series";

const at = (...times: number[]): Point[] => times.map((s) => ({ at_ms: s * 1000, bps: s, pps: 1 }));

describe("series", () => {
  it("draws stored points up to where live ones begin", () => {
    const merged = mergePoints(at(0, 10, 20, 30), at(25, 26));
    expect(merged.map((p) => p.at_ms / 1000)).toEqual([0, 10, 20, 25, 26]);
  });
  it("adds only newer points and forgets old ones", () => {
    const points = appendPoints(at(1, 2, 3), at(3, 4), 2000);
    expect(points.map((p) => p.at_ms / 1000)).toEqual([2, 3, 4]);
  });
  it("breaks the line at a gap and says where it is", () => {
    const data = chartData(at(0, 10, 20, 60, 70), "bps", 0, 75_000, 10_000);
    expect(data.gaps).toEqual([{ from_ms: 20_000, to_ms: 60_000 }]);
    expect(data.y).toEqual([0, 10, 20, null, 60, 70]);
    expect(data.x).toEqual([...data.x].sort((a, b) => a - b));
  });
  it("takes one late point for no gap, and a long silence at the end for one", () => {
    expect(chartData(at(0, 10, 30, 40), "bps", 0, 60_000, 10_000).gaps).toEqual([]);
    expect(chartData(at(0, 10), "bps", 0, 60_000, 10_000).gaps).toEqual([{ from_ms: 10_000, to_ms: 60_000 }]);
  });
  it("leaves out what is outside the window or not measured", () => {
    const data = chartData([...at(1, 5), { at_ms: 6000, bps: 1, pps: 1, flows: 4 }], "flows", 2000, 9000, 1000);
    expect(data.y).toEqual([4]);
  });
  it("sums sparklines by their newest end", () => {
    expect(sumSparks([[1, 2, 3], [10, null], []])).toEqual([1, 12, 3]);
    expect(sumSparks([])).toEqual([]);
  });
  it("lifts the pen at nulls and closes each area on the floor", () => {
    expect(sparkPath([0, 10, null, 5], 30, 12)).toBe("M0.0 11.0L10.0 1.0M30.0 6.0");
    expect(sparkArea([0, 10], 30, 12)).toBe("M0.0 11.0L30.0 1.0L30.0 12L0.0 12Z");
    expect(sparkPath([], 30, 12)).toBe("");
  });
  it("asks for at most 2,000 points in any range", () => {
    for (const range of RANGES) expect(rangeInfo(range).span_ms / 1000 / rangeInfo(range).step_s).toBeLessThanOrEqual(2000);
    expect(parseRange("7y")).toBe("15m");
    expect(parseRange("6h")).toBe("6h");
  });
});
