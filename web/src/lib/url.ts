// A view is its URL: filters, sort and range live in the query string. A field that stands at its
// default is not written, so that the plain address stays plain.
import { computed, type ComputedRef } from "vue";
import { useRoute, useRouter, type LocationQuery, type LocationQueryRaw } from "vue-router";

export type Fields = Record<string, string>;

/** Values of the fields in a query; a repeated parameter counts once, the first. */
export function readFields<F extends Fields>(query: LocationQuery, defaults: F): F {
  const values: Fields = {};
  for (const [key, fallback] of Object.entries(defaults)) {
    const raw = query[key];
    const text = Array.isArray(raw) ? raw[0] : raw;
    values[key] = text ?? fallback;
  }
  return values as F;
}

/** The query with the patch applied. Parameters that are not fields are kept. */
export function writeFields<F extends Fields>(
  query: LocationQuery,
  defaults: F,
  patch: Partial<F>,
): LocationQueryRaw {
  const out: LocationQueryRaw = { ...query };
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined || value === "" || value === defaults[key]) delete out[key];
    else out[key] = value;
  }
  return out;
}

export interface UrlFields<F extends Fields> {
  values: ComputedRef<F>;
  /** Changes fields. With `replace` the step is not kept in the history (typing). */
  set: (patch: Partial<F>, replace?: boolean) => void;
}

export function useUrlFields<F extends Fields>(defaults: F): UrlFields<F> {
  const route = useRoute();
  const router = useRouter();
  const values = computed(() => readFields(route.query, defaults));
  const set = (patch: Partial<F>, replace = false) => {
    const to = { query: writeFields(route.query, defaults, patch), hash: route.hash };
    void (replace ? router.replace(to) : router.push(to));
  };
  return { values, set };
}

/** "name" and "-name" (descending) as a pair, and back. */
export function parseSort(text: string): { key: string; desc: boolean } {
  return text.startsWith("-") ? { key: text.slice(1), desc: true } : { key: text, desc: false };
}

/** The sort after a click on a heading: the column's own direction first, then turned round. */
export function nextSort(current: string, key: string, descFirst: boolean): string {
  const sort = parseSort(current);
  const desc = sort.key === key ? !sort.desc : descFirst;
  return desc ? `-${key}` : key;
}
