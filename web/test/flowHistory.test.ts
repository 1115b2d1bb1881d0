import { describe, expect, it } from "vitest";
import { flowChart, historyRange, joinPoints, livePoint, pace, present, undrawn } from "../src/lib/flowHistory";
import { makeFlow } from "./make";

const stored = [
  { at_ms: 60_000, rtt_client_us: 20_000, rtt_server_us: 80_000, score_s2c: 90 },
  { at_ms: 120_000, rtt_server_us: 81_000 },
];

describe("a flow over time", () => {
  it("goes on with what is seen live where the records end", () => {
    const live = [{ at_ms: 100_000, rtt_client_us: 21_000 }, { at_ms: 101_000, rtt_client_us: 22_000 }];
    expect(joinPoints(stored, live).map((p) => p.at_ms)).toEqual([60_000, 100_000, 101_000]);
    expect(joinPoints(stored, [])).toEqual(stored);
  });
  it("draws both sides at the same times, with holes where one is not known", () => {
    const { data, second } = flowChart(stored, "rtt");
    expect(data.x).toEqual([60, 120]);
    expect(data.y).toEqual([20_000, null]);
    expect(second).toEqual([80_000, 81_000]);
  });
  it("offers only what there is", () => {
    expect(present(stored)).toEqual(["rtt", "score"]);
    expect(present([])).toEqual([]);
  });
  it("is asked for while the flow lived, and of that the last hour", () => {
    expect(historyRange({ first_ms: 9_900_000, last_ms: 9_950_000 })).toEqual({ from_ms: 9_900_000, to_ms: 9_951_000 });
    expect(historyRange({ first_ms: 1_000_000, last_ms: 10_000_000 })).toEqual({ from_ms: 6_401_000, to_ms: 10_001_000 });
  });
  it("says why there is no line", () => {
    expect(undrawn([], 0)).toBe("none");
    expect(undrawn([{ at_ms: 60_000 }], 0)).toBe("unmeasured");
    expect(undrawn([{ at_ms: 60_000, score_c2s: 90 }], 1)).toBe("one");
    expect(undrawn(stored, 2)).toBeNull();
  });
  it("says what a point is of", () => {
    expect(pace(stored)).toBe("record");
    expect(pace(stored, 130_000)).toBe("both");
    expect(pace([{ at_ms: 130_000 }], 130_000)).toBe("second");
  });
  it("takes a live row as a point", () => {
    const side = { ssrc: 1, payload_type: 0, streams: 1, packets: 9, lost: 0, duplicated: 0, late: 0, discarded: 0, gap_ms: 20 };
    const row = makeFlow({ rtt_server_us: 40_000, media: { c2s: { ...side, mos: 4_200, jitter_us: 900 } } });
    const point = livePoint(row, 5_000);
    expect(point).toMatchObject({ at_ms: 5_000, rtt_server_us: 40_000, mos_c2s: 4_200, jitter_us_c2s: 900 });
    expect(present([point])).toEqual(["rtt", "jitter", "mos"]);
  });
});
