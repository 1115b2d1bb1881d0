import { readFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";
import { describe, expect, it } from "vitest";

describe("the types of the API", () => {
  it("are those of docs/openapi.yaml (npm run types)", async () => {
    const contract = new URL("../../docs/openapi.yaml", import.meta.url);
    const written = readFileSync(new URL("../src/api/schema.ts", import.meta.url), "utf8");
    const body = (text: string) => text.slice(text.indexOf("export interface paths"));
    expect(body(written)).toBe(body(astToString(await openapiTS(contract))));
  });
  it("are known to web/src/api alone", () => {
    const importer = /from "(@\/api|\.\.?\/(\.\.\/)*api)\/(schema|client|live|types)"/;
    const files = import.meta.glob<string>("../src/**/*.{ts,vue}", { query: "?raw", import: "default", eager: true });
    const guilty = Object.entries(files).filter(([name, text]) => !name.includes("/src/api/") && importer.test(text));
    expect(Object.keys(files).length).toBeGreaterThan(30);
    expect(guilty.map(([name]) => name)).toEqual([]);
  });
  it("never meet inline styles or handlers that the content security policy would stop", () => {
    const files = import.meta.glob<string>("../src/**/*.vue", { query: "?raw", import: "default", eager: true });
    const guilty = Object.entries(files).filter(([, text]) => /<[^>]*\s(style|on\w+)="|v-html/.test(text.slice(text.indexOf("<template>"))));
    expect(guilty.map(([name]) => name)).toEqual([]);
  });
});
