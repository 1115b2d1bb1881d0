// Asks a question again and again, but kindly: never while one is in flight, never while the browser
// hides the page, and at once when the question itself changes. While the person has paused the page
// each question is asked once.
import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef } from "vue";
import { asApiError, type ApiError } from "@/api";
import { serverNow } from "@/state/clock";
import { paused } from "@/state/live";

export interface Poll<T> {
  data: ShallowRef<T | null>;
  error: ShallowRef<ApiError | null>;
  /** When data came, by the centre's clock; null before the first. */
  good_ms: Ref<number | null>;
  /** True until the present question has its first answer. */
  loading: Ref<boolean>;
  refresh: () => void;
}

export interface PollOptions {
  /** 0 asks once for each question. */
  period_ms: number;
  /** What the question depends on; a change asks anew. */
  key?: () => unknown;
  /** False suspends. */
  active?: () => boolean;
}

const RETRY_MS = 3000;

export function usePoll<T>(ask: (signal: AbortSignal) => Promise<T>, options: PollOptions): Poll<T> {
  const data = shallowRef<T | null>(null);
  const error = shallowRef<ApiError | null>(null);
  const good_ms = ref<number | null>(null);
  const loading = ref(true);
  const active = () => (options.active?.() ?? true) && !document.hidden;
  let shownFor: unknown;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let flight: AbortController | null = null;

  function plan(started: number): void {
    const period = error.value ? Math.max(RETRY_MS, options.period_ms) : options.period_ms;
    if (period > 0 && active() && !paused.value) timer = setTimeout(run, Math.max(0, started + period - Date.now()));
  }

  async function run(): Promise<void> {
    clearTimeout(timer);
    if (flight || !active()) return;
    const mine = new AbortController();
    flight = mine;
    const started = Date.now();
    const key = options.key?.();
    try {
      const answer = await ask(mine.signal);
      if (mine.signal.aborted) return;
      data.value = answer;
      shownFor = key;
      good_ms.value = serverNow();
      error.value = null;
    } catch (failure) {
      if (mine.signal.aborted) return;
      error.value = asApiError(failure);
      if (key !== shownFor) data.value = null; // the answer to another question is none to this one
    }
    flight = null;
    loading.value = false;
    plan(started);
  }

  function abort(): void {
    clearTimeout(timer);
    flight?.abort();
    flight = null;
  }

  function refresh(): void {
    abort();
    void run();
  }

  const onVisible = () => {
    if (!paused.value || loading.value) void run();
  };
  document.addEventListener("visibilitychange", onVisible);
  watch(
    () => options.key?.(),
    () => {
      loading.value = true;
      refresh();
    },
    { immediate: true },
  );
  watch(
    () => (options.active?.() ?? true) && !paused.value,
    (on) => on && void run(),
  );
  // An idle poll that becomes active while the page is paused still owes its first answer.
  watch(
    () => options.active?.() ?? true,
    (on) => on && loading.value && void run(),
  );
  onScopeDispose(() => {
    document.removeEventListener("visibilitychange", onVisible);
    abort();
  });
  return { data, error, good_ms, loading, refresh };
}
