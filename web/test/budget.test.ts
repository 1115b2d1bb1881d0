import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

interface Chunk {
  file: string;
  css?: string[];
  imports?: string[];
  isEntry?: boolean;
  isDynamicEntry?: boolean;
}
const dist = new URL("../dist/", import.meta.url).pathname;
const manifest = JSON.parse(readFileSync(join(dist, ".vite/manifest.json"), "utf8")) as Record<string, Chunk>;

/** Files of a chunk and of all it imports at once. */
function filesOf(key: string, seen = new Set<string>()): Set<string> {
  const chunk = manifest[key]!;
  if (seen.has(chunk.file)) return seen;
  seen.add(chunk.file);
  chunk.css?.forEach((file) => seen.add(file));
  chunk.imports?.forEach((next) => filesOf(next, seen));
  return seen;
}
const size = (files: Iterable<string>, ending = "") =>
  [...files].reduce((sum, file) => sum + statSync(join(dist, file + ending)).size, 0) / 1000;
const entry = Object.keys(manifest).find((key) => manifest[key]!.isEntry)!;
const initial = filesOf(entry);
const lazy = Object.keys(manifest).filter((key) => manifest[key]!.isDynamicEntry);

describe("bundle budget (kB, brotli)", () => {
  it("keeps the initial route within 80, and 260 raw", () => {
    console.log(`initial route: ${size(initial, ".br").toFixed(1)} kB br, ${size(initial).toFixed(1)} kB raw, ${initial.size} files`);
    expect(size(initial, ".br")).toBeLessThanOrEqual(80);
    expect(size(initial)).toBeLessThanOrEqual(260);
  });
  it.each(lazy)("keeps %s within 45", (key) => {
    const own = [...filesOf(key)].filter((file) => !initial.has(file));
    expect(size(own, ".br")).toBeLessThanOrEqual(45);
  });
  it("keeps all chunks within 400", () => {
    const all = new Set(Object.keys(manifest).flatMap((key) => [...filesOf(key)]));
    expect(size(all, ".br")).toBeLessThanOrEqual(400);
  });
  it("asks for at most 12 files on the first load", () => {
    expect(initial.size + 3).toBeLessThanOrEqual(12); // with the page, theme.js and the icon
  });
  it("has a .br and a .gz beside every text file, smaller than it", () => {
    const files = readdirSync(join(dist, "assets")).filter((f) => /\.(js|css)$/.test(f));
    expect(files.length).toBeGreaterThan(3);
    for (const file of [...files.map((f) => `assets/${f}`), "index.html", "theme.js", "favicon.svg"]) {
      for (const ending of [".br", ".gz"]) expect(existsSync(join(dist, file + ending)), file + ending).toBe(true);
    }
    for (const file of files) expect(size([`assets/${file}`], ".br")).toBeLessThan(size([`assets/${file}`]));
  });
  it("puts nothing inline in the page", () => {
    const page = readFileSync(join(dist, "index.html"), "utf8");
    expect(page).not.toMatch(/<style|style=|<script(?![^>]*\ssrc=)/);
  });
});
