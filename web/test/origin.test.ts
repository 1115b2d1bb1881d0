import { expect, test } from "vitest";
import { placeWord, tunnelWord } from "@/lib/origin";

test("a tunnel is told with its id where it has one", () => {
  expect(tunnelWord({ tunnel: "vxlan", tunnel_id: 5001 })).toBe("VXLAN 5001");
  expect(tunnelWord({ tunnel: "ipip", tunnel_id: 0 })).toBe("IP in IP");
  expect(tunnelWord({})).toBe("");
});

test("a place is told as far as it is known", () => {
  expect(placeWord({ country: "DE", asn: 3320, as: "Deutsche Telekom AG" })).toBe("Germany · AS3320 Deutsche Telekom AG");
  expect(placeWord({ asn: 64500 })).toBe("AS64500");
  expect(placeWord({ country: "IT" })).toBe("Italy");
  expect(placeWord({})).toBe("");
});
