import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backoffMs, Live, type LiveStatus, type Socket } from "../src/api/live";

class FakeSocket implements Socket {
  static all: FakeSocket[] = [];
  sent: { op: string; topic: string; since?: number }[] = [];
  closed = false;
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  constructor() {
    FakeSocket.all.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.closed = true;
  }
  frame(t: string, n: number, data: object = {}, topic = "fleet") {
    this.onmessage?.({ data: JSON.stringify({ t, topic, n, at_ms: 1, data }) });
  }
}
const last = () => FakeSocket.all[FakeSocket.all.length - 1]!;

describe("live channel", () => {
  let statuses: LiveStatus[];
  let ended: number;
  let live: Live;
  beforeEach(() => {
    vi.useFakeTimers();
    FakeSocket.all = [];
    statuses = [];
    ended = 0;
    live = new Live({
      open: () => new FakeSocket(),
      onStatus: (s) => statuses.push(s),
      onUnauthenticated: () => ended++,
      random: () => 1,
    });
  });
  afterEach(() => {
    live.stop();
    vi.useRealTimers();
  });
  function opened(): number[] {
    const seen: number[] = [];
    live.subscribe("fleet", (frame) => seen.push(frame.n));
    live.start();
    last().onopen?.();
    last().frame("snap", 5);
    return seen;
  }

  it("gives the snapshot and the deltas that follow it, in order", () => {
    const seen = opened();
    last().frame("delta", 6);
    last().frame("delta", 7);
    expect(seen).toEqual([5, 6, 7]);
  });
  it("passes over a delta that comes twice or before the snapshot", () => {
    const seen: number[] = [];
    live.subscribe("fleet", (frame) => seen.push(frame.n));
    live.start();
    last().onopen?.();
    last().frame("delta", 4);
    last().frame("snap", 5);
    last().frame("delta", 5);
    expect(seen).toEqual([5]);
  });
  it("asks for a new snapshot when a number is missing", () => {
    const seen = opened();
    last().frame("delta", 8);
    expect(seen).toEqual([5]);
    expect(last().sent.at(-1)).toEqual({ op: "sub", topic: "fleet" });
    last().frame("delta", 9);
    last().frame("snap", 9);
    expect(seen).toEqual([5, 9]);
  });
  it("waits for a snapshot after a gap", () => {
    const seen = opened();
    last().frame("gap", 9);
    last().frame("delta", 10);
    last().frame("snap", 10);
    expect(seen).toEqual([5, 9, 10]);
  });
  it("reconnects after a break and resumes from the last number", () => {
    opened();
    last().onclose?.({ code: 1006 });
    expect(statuses.at(-1)).toBe("down");
    vi.advanceTimersByTime(500);
    expect(FakeSocket.all).toHaveLength(2);
    last().onopen?.();
    expect(last().sent).toEqual([{ op: "sub", topic: "fleet", since: 5 }]);
    expect(statuses.at(-1)).toBe("open");
  });
  it("backs off while the centre stays away, and tries at once when told to", () => {
    opened();
    last().onclose?.({ code: 1006 });
    for (const wait of [500, 500, 1000, 2000]) {
      const before = FakeSocket.all.length;
      vi.advanceTimersByTime(wait - 1);
      expect(FakeSocket.all).toHaveLength(before);
      vi.advanceTimersByTime(1);
      expect(FakeSocket.all).toHaveLength(before + 1);
      last().onclose?.({ code: 1006 });
    }
    live.retryNow();
    expect(FakeSocket.all).toHaveLength(6);
  });
  it("takes silence for death and closes the old socket", () => {
    opened();
    const old = last();
    vi.advanceTimersByTime(11_999);
    expect(old.closed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(old.closed).toBe(true);
    expect(statuses.at(-1)).toBe("down");
  });
  it("tells when the session has ended", () => {
    opened();
    last().onclose?.({ code: 4401 });
    expect(ended).toBe(1);
  });
  it("asks anew for a second reader, and unsubscribes with the last", () => {
    opened();
    const other: number[] = [];
    const leave = live.subscribe("fleet", (frame) => other.push(frame.n));
    expect(last().sent.at(-1)).toEqual({ op: "sub", topic: "fleet" });
    last().frame("snap", 6);
    expect(other).toEqual([6]);
    leave();
    expect(last().sent.at(-1)?.op).toBe("sub");
    const only = live.subscribe("alerts", () => {});
    only();
    expect(last().sent.at(-1)).toEqual({ op: "unsub", topic: "alerts" });
  });
  it("survives a frame that is not JSON or of no topic of ours", () => {
    const seen = opened();
    last().onmessage?.({ data: "{" });
    last().frame("delta", 6, {}, "alerts");
    last().frame("delta", 6);
    expect(seen).toEqual([5, 6]);
  });
  it("spreads attempts over half the ceiling, never above 15 s", () => {
    expect(backoffMs(0, () => 0)).toBe(250);
    expect(backoffMs(0, () => 1)).toBe(500);
    expect(backoffMs(50, () => 1)).toBe(15_000);
  });
});
