import { describe, expect, it } from "vitest";
import { buildUrl } from "../src/api/client";
import { nextSort, parseSort, readFields, writeFields } from "../src/lib/url";

const DEFAULTS = { q: "", sort: "status", group: "" };

describe("url state", () => {
  it("comes back as it was written", () => {
    const wanted = { q: "a b&c=ü", sort: "-flows", group: "down" };
    const query = writeFields({}, DEFAULTS, wanted);
    const text = new URLSearchParams(query as Record<string, string>).toString();
    const back = Object.fromEntries(new URLSearchParams(text));
    expect(readFields(back, DEFAULTS)).toEqual(wanted);
  });
  it("leaves defaults and empty fields out of the address", () => {
    expect(writeFields({ q: "x", sort: "-flows" }, DEFAULTS, { q: "", sort: "status" })).toEqual({});
  });
  it("keeps the parameters that are not its own", () => {
    expect(writeFields({ site: "lyon" }, DEFAULTS, { q: "x" })).toEqual({ site: "lyon", q: "x" });
  });
  it("takes the first of a repeated parameter and the default of an absent one", () => {
    expect(readFields({ q: ["one", "two"] }, DEFAULTS)).toEqual({ q: "one", sort: "status", group: "" });
  });
  it("turns a sort round on the second click", () => {
    expect(nextSort("status", "flows", true)).toBe("-flows");
    expect(nextSort("-flows", "flows", true)).toBe("flows");
    expect(nextSort("-flows", "name", false)).toBe("name");
    expect(parseSort("-flows")).toEqual({ key: "flows", desc: true });
  });
  it("builds addresses with the path encoded and empty parameters left out", () => {
    expect(buildUrl("/i/{name}/q", { name: "a/b" }, { op: "flows", host: "", port: undefined, limit: 5 })).toBe(
      "/i/a%2Fb/q?op=flows&limit=5",
    );
  });
});
