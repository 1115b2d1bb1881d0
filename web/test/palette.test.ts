import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

type Rgb = [number, number, number];
const css = readFileSync(new URL("../src/style/tokens.css", import.meta.url), "utf8");
const tokens = new Map(
  [...css.matchAll(/--([\w-]+): light-dark\((#\w+), (#\w+)\)/g)].map((m) => [m[1]!, [m[2]!, m[3]!] as const]),
);

const rgb = (hex: string): Rgb => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)) as Rgb;
const linear = (c: number) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
/** Relative luminance and contrast by WCAG 2.2. */
const luminance = ([r, g, b]: Rgb) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
function contrast(a: string, b: string): number {
  const [x, y] = [luminance(rgb(a)), luminance(rgb(b))].sort((p, q) => q - p) as [number, number];
  return (x + 0.05) / (y + 0.05);
}

const TEXT: [string, string][] = [
  ...["bg", "panel", "raised", "hover"].flatMap((back): [string, string][] => [["ink", back], ["muted", back]]),
  ...["bg", "panel", "raised", "accent-soft"].map((back): [string, string] => ["accent", back]),
  ["on-accent", "accent"], ["ink", "accent-soft"], ["muted", "accent-soft"],
  ...["ok", "warn", "high", "bad", "info", "off"].flatMap((c): [string, string][] => [[c, `${c}-soft`], [c, "panel"]]),
];
const LINES: [string, string][] = [["control", "panel"], ["control", "bg"], ["control", "raised"], ["series", "panel"], ["series-2", "panel"]];

describe.each([["light", 0], ["dark", 1]] as const)("palette, %s", (_, side) => {
  const hex = (name: string) => tokens.get(name)![side];
  it.each(TEXT)("writes %s on %s with 4.5:1 or more", (front, back) => {
    expect(contrast(hex(front), hex(back))).toBeGreaterThanOrEqual(4.5);
  });
  it.each(LINES)("draws %s on %s with 3:1 or more", (front, back) => {
    expect(contrast(hex(front), hex(back))).toBeGreaterThanOrEqual(3);
  });
});
