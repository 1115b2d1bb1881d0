import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const names = (path: string, key: string) => {
  const text = readFileSync(new URL(path, import.meta.url), "utf8");
  return new Set([...text.matchAll(new RegExp(`\\b${key}: "(\\w+)"`, "g"))].map((m) => m[1]));
};

it("every page of the console is looked at in each of its states in a browser", () => {
  const looked = names("../../tests/browser/pages.mjs", "route");
  const routes = names("../src/router.ts", "name");
  routes.delete("login"); // which has states of its own: see states.mjs
  expect([...routes].sort()).toEqual([...looked].sort());
});
