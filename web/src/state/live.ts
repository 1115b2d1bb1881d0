// The one live connection of the page and what is known of it: open or lost since when, paused or
// not, how old the values on the page are.
import { computed, onScopeDispose, ref } from "vue";
import { makeLive, type LiveFrame, type LiveStatus } from "@/api";
import { learnTime, serverNow } from "./clock";

export const status = ref<LiveStatus>("connecting");
/** When the connection was lost; null while it stands. */
export const lostAt = ref<number | null>(null);
/** When the newest values came, by push or by polling. */
export const freshAt = ref<number | null>(null);
/** When the person stopped the page; null while it runs. */
export const pausedAt = ref<number | null>(null);
export const paused = computed(() => pausedAt.value !== null);

let onEnd: () => void = () => {};

const live = makeLive({
  onStatus(next) {
    status.value = next;
    if (next === "open") lostAt.value = null;
    else if (next === "down") lostAt.value ??= serverNow();
  },
  onUnauthenticated: () => onEnd(),
});

export function startLive(sessionEnded: () => void): void {
  onEnd = sessionEnded;
  status.value = "connecting";
  lostAt.value = null;
  live.start();
}

export function stopLive(): void {
  live.stop();
  pausedAt.value = null;
  freshAt.value = null;
}

export const retryLive = () => live.retryNow();

export function togglePause(): void {
  pausedAt.value = paused.value ? null : (freshAt.value ?? serverNow());
}

/** To be called with the centre's time whenever values arrive. */
export function noteFresh(at_ms: number): void {
  learnTime(at_ms);
  freshAt.value = Math.max(freshAt.value ?? 0, at_ms);
}

export function subscribe(topic: string, handler: (frame: LiveFrame) => void): () => void {
  return live.subscribe(topic, (frame) => {
    if (frame.t === "snap" || frame.t === "delta") noteFresh(frame.at_ms);
    handler(frame);
  });
}

/** Subscribes for as long as the calling component lives. */
export function useTopic(topic: string, handler: (frame: LiveFrame) => void): void {
  onScopeDispose(subscribe(topic, handler));
}
