// What every page knows of the fleet: the instances, the totals, how far the centre can judge.
// Fed by the live channel; while that is lost, by asking every five seconds.
import { computed, ref, shallowRef, watch } from "vue";
import { asApiError, getFleet, type ApiError, type Centre, type Instance, type LiveFleet, type Totals } from "@/api";
import { applyFleet } from "@/lib/fleet";
import { noteFresh, paused, status, subscribe } from "./live";

interface View {
  rows: ReadonlyMap<number, Instance>;
  totals: Totals;
  centre: Centre;
}

const POLL_MS = 5000;
const EMPTY: View = {
  rows: new Map(),
  totals: {
    instances: 0, by_state: {}, throughput_bps: 0, packets_pps: 0, hosts: 0, flows: 0,
    alerts_engaged: 0, flow_alerts: 0, drops: 0,
  },
  centre: { state: "ok", reason: null },
};

/** The newest view, and the one on the page: they differ while the page is paused. */
let newest: View = EMPTY;
const shown = shallowRef<View>(EMPTY);
export const loaded = ref(false);
export const failure = shallowRef<ApiError | null>(null);

export const instances = computed(() => [...shown.value.rows.values()]);
export const totals = computed(() => shown.value.totals);
export const centre = computed(() => shown.value.centre);
export const sites = computed(() => [...new Set(instances.value.map((r) => r.site))].sort());

export const findInstance = (name: string) => instances.value.find((r) => r.name === name);

function take(kind: "snap" | "delta", data: LiveFleet): void {
  newest = {
    rows: applyFleet(newest.rows, kind, data),
    totals: data.totals,
    centre: data.centre,
  };
  if (!paused.value || !loaded.value) shown.value = newest;
  loaded.value = true;
  failure.value = null;
}

watch(paused, (is) => {
  if (!is) shown.value = newest;
});

let timer: ReturnType<typeof setTimeout> | undefined;
let running = false;

/** Asks over HTTP; used for the first paint, as the fallback, and by "Try now". */
export async function pollFleet(): Promise<void> {
  try {
    const fleet = await getFleet();
    if (!running) return;
    noteFresh(fleet.at_ms);
    take("snap", { ...fleet, figures: [], gone: [] });
  } catch (error) {
    failure.value = asApiError(error);
  }
}

async function pollWhileLost(): Promise<void> {
  clearTimeout(timer);
  if (!running) return;
  if (status.value !== "open" && !document.hidden) await pollFleet();
  if (running) timer = setTimeout(pollWhileLost, POLL_MS);
}

let unsubscribe: () => void = () => {};

export function startFleet(): void {
  running = true;
  unsubscribe = subscribe("fleet", (frame) => {
    if (frame.t === "snap" || frame.t === "delta") take(frame.t, frame.data as unknown as LiveFleet);
  });
  void pollWhileLost();
}

export function stopFleet(): void {
  running = false;
  clearTimeout(timer);
  unsubscribe();
  newest = EMPTY;
  shown.value = EMPTY;
  loaded.value = false;
  failure.value = null;
}
