// Rows must not move under the pointer: while a table is held, its order stays as it is.
import { computed, ref, shallowRef, watch, type ComputedRef, type Ref } from "vue";

/** The wanted order, but with everything that is already shown kept at its place; rows that are
 * gone leave, new ones come at the end. */
export function heldOrder<K>(shown: readonly K[], wanted: readonly K[]): K[] {
  const want = new Set(wanted);
  const kept = shown.filter((key) => want.has(key));
  const known = new Set(kept);
  return [...kept, ...wanted.filter((key) => !known.has(key))];
}

export interface Hold {
  held: Ref<boolean>;
  /** To be bound to the table with v-on. */
  on: { pointerenter: (e: PointerEvent) => void; pointerleave: () => void };
}

/** True while a mouse or pen is over the element. Touch does not hold: it has no "leaving". */
export function useHold(): Hold {
  const held = ref(false);
  return {
    held,
    on: {
      pointerenter: (e) => (held.value = e.pointerType !== "touch"),
      pointerleave: () => (held.value = false),
    },
  };
}

/** Rows in the wanted order, frozen while held. A change of `reason` (a new sort, a new filter)
 * is the person's own wish and is followed at once. */
export function useStableOrder<R, K>(
  rows: () => readonly R[],
  keyOf: (row: R) => K,
  held: Ref<boolean>,
  reason: () => unknown,
): ComputedRef<R[]> {
  const order = shallowRef<K[]>([]);
  watch(
    [rows, held, reason] as const,
    ([now, isHeld, why], before) => {
      const wanted = now.map(keyOf);
      order.value = isHeld && why === before[2] ? heldOrder(order.value, wanted) : wanted;
    },
    { immediate: true, flush: "sync" },
  );
  return computed(() => {
    const byKey = new Map(rows().map((row) => [keyOf(row), row]));
    return order.value.flatMap((key) => byKey.get(key) ?? []);
  });
}
