// The time that ages are counted against: the centre's, ticking once a second. The browser's own
// clock may be wrong, so every frame that tells the centre's time corrects the offset.
import { ref } from "vue";

let offset_ms = 0;
const now = ref(Date.now());

/** The centre's time as far as we know it. */
export const serverNow = () => Date.now() + offset_ms;

export function learnTime(at_ms: number): void {
  const seen = at_ms - Date.now();
  // A frame is late by its way here, never early: small changes are jitter, not news.
  if (Math.abs(seen - offset_ms) > 1500) offset_ms = seen;
}

/** The centre's time, changing once a second. */
export const useNow = () => now;

setInterval(() => (now.value = serverNow()), 1000);
