// Tells screen readers of changes of state: at most one announcement in five seconds, the latest
// of those that came in between.
import { ref } from "vue";

const QUIET_MS = 5000;

export const announcement = ref("");
let waiting = "";
let timer: ReturnType<typeof setTimeout> | undefined;

export function announce(text: string): void {
  if (timer) {
    waiting = text;
    return;
  }
  announcement.value = text;
  timer = setTimeout(() => {
    timer = undefined;
    const next = waiting;
    waiting = "";
    if (next) announce(next);
  }, QUIET_MS);
}
