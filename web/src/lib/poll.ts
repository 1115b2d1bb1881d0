// Asks a question again and again, but kindly: never while one is in flight, never while the page
// is hidden, and at once when the question itself changes.
import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef } from "vue";
import { ApiError } from "@/api";

export interface Poll<T> {
  data: ShallowRef<T | null>;
  error: ShallowRef<ApiError | null>;
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
  const loading = ref(true);
  const active = () => (options.active?.() ?? true) && !document.hidden;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let flight: AbortController | null = null;

  function plan(started: number): void {
    const period = error.value ? Math.max(RETRY_MS, options.period_ms) : options.period_ms;
    if (period > 0 && active()) timer = setTimeout(run, Math.max(0, started + period - Date.now()));
  }

  async function run(): Promise<void> {
    clearTimeout(timer);
    if (flight || !active()) return;
    const mine = new AbortController();
    flight = mine;
    const started = Date.now();
    try {
      const answer = await ask(mine.signal);
      if (mine.signal.aborted) return;
      data.value = answer;
      error.value = null;
    } catch (failure) {
      if (mine.signal.aborted) return;
      error.value = failure instanceof ApiError ? failure : new ApiError(0, "internal", String(failure));
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

  const onVisible = () => void run();
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
    () => options.active?.() ?? true,
    (on) => on && void run(),
  );
  onScopeDispose(() => {
    document.removeEventListener("visibilitychange", onVisible);
    abort();
  });
  return { data, error, loading, refresh };
}
