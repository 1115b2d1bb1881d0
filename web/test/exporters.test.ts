// What is said of exporters in words.
import { describe, expect, it } from "vitest";
import type { Exporter, FlowRow } from "@/api";
import { interfaces, lostWord, samplingWord, skewWord, templatesWord } from "@/lib/exporters";

const router: Exporter = {
  address: "192.0.2.1", source: "routers", refused: false, versions: ["NetFlow v5"], first_ms: 0,
  last_ms: 0, clock_skew_ms: 0, templates: 0, sampling: 1, datagrams: 1, flows: 1, lost_flows: 0,
  lost_datagrams: 0, malformed: 0, untemplated: 0, duplicates: 0, restarts: 0,
};

describe("an exporter", () => {
  it("that samples says so, one that does not as well", () => {
    expect(samplingWord(1)).toBe("every packet");
    expect(samplingWord(1000)).toBe("1 in 1,000");
    expect(samplingWord(0)).toBe("–");
  });

  it("has lost flows, datagrams, both or none", () => {
    expect(lostWord(router)).toBe("none");
    expect(lostWord({ ...router, lost_flows: 1 })).toBe("1 flow");
    expect(lostWord({ ...router, lost_flows: 2000, lost_datagrams: 3 })).toBe("2,000 flows, 3 datagrams");
  });

  it("has a clock that is right within two seconds", () => {
    expect(skewWord(-1999)).toBe("right");
    expect(skewWord(65_000)).toMatch(/^1.min 5.s ahead$/);
    expect(skewWord(-3000)).toMatch(/^3.s behind$/);
  });

  it("has templates only where the protocol does", () => {
    expect(templatesWord(router)).toBe("–");
    expect(templatesWord({ ...router, versions: ["NetFlow v5", "IPFIX"], templates: 4 })).toBe("4");
  });

  it("tells the interfaces of a flow where it knows them", () => {
    expect(interfaces({ input_if: 3, output_if: null } as FlowRow)).toBe("interface 3 → not told");
  });
});
