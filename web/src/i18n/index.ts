// Texts by key. A text may hold {names}; with `n` given, the key's plural form is taken
// ("key.one", "key.other", by the rules of the language).
import { en } from "./en";

export type Key = keyof typeof en;
export type Messages = Record<Key, string>;
type Params = Record<string, string | number>;

export const locales: Record<string, Messages> = { en };

let current = "en";
export const locale = () => current;

function fill(text: string, params: Params): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(params[name] ?? `{${name}}`));
}

export function t(key: Key, params: Params = {}): string {
  return fill(locales[current]?.[key] ?? en[key], params);
}

type Stem<K> = K extends `${infer S}.other` ? S : never;

/** The plural form of a key for n; {n} is the number, written by the caller when it wants units. */
export function tn(stem: Stem<Key>, n: number, params: Params = {}): string {
  const form = new Intl.PluralRules(current).select(n);
  const wanted = `${stem}.${form}` as Key;
  const key = wanted in en ? wanted : (`${stem}.other` as Key);
  return t(key, { n, ...params });
}
