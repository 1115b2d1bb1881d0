import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { effectScope, nextTick, ref, type EffectScope } from "vue";
import { usePoll, type Poll, type PollOptions } from "../src/lib/poll";
import { pausedAt } from "../src/state/live";

const PERIOD_MS = 1000;
let scope: EffectScope;
let asked = 0;
let failure: Error | null = null;
const key = ref("a");

function open(options: Partial<PollOptions> = {}): Poll<string> {
  const ask = async () => {
    asked++;
    if (failure) throw failure;
    return `answer to ${key.value}`;
  };
  return scope.run(() => usePoll(ask, { period_ms: PERIOD_MS, key: () => key.value, ...options }))!;
}

describe("a poll", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("document", { hidden: false, addEventListener() {}, removeEventListener() {} });
    scope = effectScope();
    asked = 0;
    failure = null;
    key.value = "a";
    pausedAt.value = null;
  });
  afterEach(() => {
    scope.stop();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("asks every period", async () => {
    open();
    await vi.advanceTimersByTimeAsync(2 * PERIOD_MS + 1);
    expect(asked).toBe(3);
  });
  it("asks each question once while the page is paused, and goes on afterwards", async () => {
    pausedAt.value = 1;
    const poll = open();
    await vi.advanceTimersByTimeAsync(5 * PERIOD_MS);
    expect([asked, poll.data.value]).toEqual([1, "answer to a"]);
    key.value = "b";
    await vi.advanceTimersByTimeAsync(5 * PERIOD_MS);
    expect([asked, poll.data.value]).toEqual([2, "answer to b"]);
    pausedAt.value = null;
    await nextTick();
    expect(asked).toBe(3);
  });
  it("keeps what it has when it fails, with the time of it", async () => {
    const poll = open();
    await vi.advanceTimersByTimeAsync(1);
    const good_ms = poll.good_ms.value;
    failure = new Error("no");
    await vi.advanceTimersByTimeAsync(PERIOD_MS);
    expect([poll.data.value, poll.error.value?.code, poll.good_ms.value]).toEqual(["answer to a", "internal", good_ms]);
  });
  it("does not show the answer to one question under another that failed", async () => {
    const poll = open();
    await vi.advanceTimersByTimeAsync(1);
    failure = new Error("no");
    key.value = "b";
    await vi.advanceTimersByTimeAsync(1);
    expect(poll.data.value).toBe(null);
  });
  it("asks nothing while it is not active", async () => {
    const active = ref(false);
    const poll = open({ active: () => active.value });
    await vi.advanceTimersByTimeAsync(5 * PERIOD_MS);
    expect(asked).toBe(0);
    pausedAt.value = 1;
    active.value = true;
    await vi.advanceTimersByTimeAsync(5 * PERIOD_MS);
    expect([asked, poll.loading.value]).toEqual([1, false]);
  });
});
