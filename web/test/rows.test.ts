import { describe, expect, it } from "vitest";
import { ref, shallowRef } from "vue";
import { hostOf, seen, who } from "../src/lib/alertText";
import { applyAlerts } from "../src/lib/alerts";
import { appName, heldRows, present, rttOf } from "../src/lib/flows";
import { labelOf, mediaText, qualityText, reasonText } from "../src/lib/quality";
import { heldOrder, useStableOrder } from "../src/lib/order";
import { makeAlert, makeFlow } from "./make";

describe("held order", () => {
  it("keeps what is shown at its place, drops what is gone, adds new rows at the end", () => {
    expect(heldOrder([3, 1, 2], [1, 2, 3, 4])).toEqual([3, 1, 2, 4]);
    expect(heldOrder([3, 1, 2], [2, 1])).toEqual([1, 2]);
  });
  it("lets rows move again when the pointer leaves or the person sorts anew", () => {
    const rows = shallowRef([{ k: 1 }, { k: 2 }]);
    const held = ref(true);
    const sort = ref("a");
    const order = useStableOrder(() => rows.value, (r) => r.k, held, () => sort.value);
    const keys = () => order.value.map((r) => r.k);
    rows.value = [{ k: 2 }, { k: 1 }];
    expect(keys()).toEqual([1, 2]);
    sort.value = "b";
    expect(keys()).toEqual([2, 1]);
    rows.value = [{ k: 1 }, { k: 2 }];
    held.value = false;
    expect(keys()).toEqual([1, 2]);
  });
});

describe("live flows", () => {
  it("take new values while held, keep what has left, count what waits", () => {
    const shown = [makeFlow({ flow_id: "1" }), makeFlow({ flow_id: "2", bytes: 7 })];
    const fresh = [makeFlow({ flow_id: "3" }), makeFlow({ flow_id: "1", bytes: 5 })];
    const { rows, waiting } = heldRows(shown, fresh);
    expect(rows.map((r) => [r.flow_id, r.bytes])).toEqual([["1", 5], ["2", 7]]);
    expect(waiting).toBe(1);
  });
  it("name protocol and application once when they are the same", () => {
    expect(appName(makeFlow({ protocol: "TLS", app: "Google" }))).toBe("TLS · Google");
    expect(appName(makeFlow({ protocol: "DNS", app: "DNS" }))).toBe("DNS");
    expect(appName(makeFlow({ protocol: "TLS", app: "Unknown" }))).toBe("TLS");
    expect(appName(makeFlow({ protocol: "Unknown", app: "Unknown" }))).toBe("Unknown");
  });
  it("offer only values that are there", () => {
    expect(present([makeFlow({ app: "TLS" }), makeFlow({ app: "DNS" }), makeFlow({ app: "TLS" })], (r) => r.app)).toEqual(["DNS", "TLS"]);
  });
  it("know no round trip without a handshake", () => {
    expect(rttOf(makeFlow({ rtt_client_us: 0, rtt_server_us: null }))).toBe(null);
    expect(rttOf(makeFlow({ rtt_client_us: 300, rtt_server_us: 700 }))).toBe(1000);
  });
});

describe("media in a row", () => {
  const side = { ssrc: 1, payload_type: 0, streams: 1, packets: 9, lost: 0, duplicated: 0, late: 0, discarded: 0, gap_ms: 20 };
  it("is the MOS of the worse direction", () => {
    expect(mediaText(makeFlow({ media: { c2s: { ...side, mos: 4_364 }, s2c: { ...side, mos: 3_104 } } }))).toBe("3.10 MOS");
  });
  it("is jitter where there is no speech, and nothing where there is no RTP", () => {
    expect(mediaText(makeFlow({ media: { s2c: { ...side, jitter_us: 2_900 } } }))).toBe("2.9\u00a0ms jitter");
    expect(mediaText(makeFlow({ media: { s2c: side } }))).toBe("");
    expect(mediaText(makeFlow({}))).toBe("");
  });
});

describe("quality", () => {
  const bad = { label: "poor", confidence: "medium", score: 30, worst: 30, reason: "loss", value: 31, of: 174 } as const;
  it("says what decided with its numbers", () => {
    expect(reasonText(bad)).toBe("31 of 174 segments were lost or sent again (18\u00a0%).");
    expect(reasonText({ ...bad, reason: "rtt", value: 101_200, of: 0 })).toBe("The round trip takes 101\u00a0ms.");
    expect(reasonText({ ...bad, reason: "zero_window", value: 400, of: 1700 })).toBe("The receiver had no room for 400\u00a0ms of 1.7\u00a0s.");
    expect(reasonText({ ...bad, reason: "mos", value: 3_604, of: 0 })).toBe("Speech is worth 3.60 of 4.5 MOS, by the E-model.");
    expect(reasonText({ ...bad, reason: "rtp_jitter", value: 31_000, of: 0 })).toContain("31\u00a0ms of jitter");
    expect(reasonText({ ...bad, reason: "packet_loss", value: 7, of: 500 })).toContain("7 of 500 RTP packets");
    expect(reasonText({ label: "excellent", confidence: "high", score: 100, worst: 100 })).toBe("Nothing to fault.");
    expect(reasonText({ label: "none", confidence: "none" })).toBe("Too little was seen to say.");
    expect(reasonText({ label: "none", confidence: "none", unjudged: "capture_incomplete" })).toContain("capture is incomplete");
  });
  it("draws the borders of labels where the centre does", () => {
    expect([80, 79, 60, 59, 31, 30, 0, null].map(labelOf)).toEqual(["excellent", "good", "good", "fair", "fair", "poor", "poor", "none"]);
  });
  it("tells both directions", () => {
    const quality = { class: "web", profile: 1, c2s: { label: "none", confidence: "none" }, s2c: bad } as const;
    expect(qualityText(makeFlow({ quality }))).toBe(
      "Client to server: Not judged. Too little was seen to say.\nServer to client: Poor 30 (medium confidence). 31 of 174 segments were lost or sent again (18\u00a0%).",
    );
    expect(qualityText(makeFlow({}))).toBe("");
  });
});

describe("alerts", () => {
  it("take a delta by id and stay newest first within the limit", () => {
    const old = [makeAlert({ id: "a", last_ms: 3 }), makeAlert({ id: "b", last_ms: 2 })];
    const after = applyAlerts(old, "delta", { alerts: [makeAlert({ id: "b", last_ms: 9 }), makeAlert({ id: "c", last_ms: 5 })], gone: ["a"] }, 1);
    expect(after.map((a) => a.id)).toEqual(["b"]);
  });
  it("find the host to look for", () => {
    expect(hostOf(makeAlert({ client: "[2001:db8::1]:443" }))).toBe("2001:db8::1");
    expect(hostOf(makeAlert({ client: "192.0.2.1:55" }))).toBe("192.0.2.1");
    expect(hostOf(makeAlert({ entity: "host", entity_id: "192.0.2.9" }))).toBe("192.0.2.9");
    expect(hostOf(makeAlert({ entity: "agent", entity_id: "a" }))).toBe(null);
  });
  it("say what a known application carried, and the detail when there is one", () => {
    const flow = { client: "192.0.2.7:5000", app: "Telnet" };
    expect(seen(makeAlert(flow))).toBe("Telnet");
    expect(seen(makeAlert({ ...flow, detail: "cut" }))).toBe("Telnet · cut");
    expect(seen(makeAlert({ ...flow, app: "Unknown", detail: "cut" }))).toBe("cut");
    expect(seen(makeAlert({ entity: "host", app: "Telnet", detail: "20 ports" }))).toBe("20 ports");
  });
  it("say whom they are about", () => {
    expect(who(makeAlert({ client: "a:1", server: "b:2" }))).toBe("a:1 → b:2");
    expect(who(makeAlert({ entity: "interface", entity_id: "eth0" }))).toBe("interface eth0");
  });
});
