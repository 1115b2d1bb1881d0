import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { locales, t, tn, type Key } from "../src/i18n";
import { en } from "../src/i18n/en";

const root = new URL("../src/", import.meta.url).pathname;
const sources = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((f) => /\.(vue|ts)$/.test(f) && !f.startsWith("i18n/") && !f.endsWith("schema.ts"))
  .map((f) => readFileSync(join(root, f), "utf8"))
  .join("\n");
const keys = Object.keys(en);
const plurals = /\.(zero|one|two|few|many|other)$/;
const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();

describe("texts", () => {
  it("have the same keys and the same {names} in every language", () => {
    for (const [locale, messages] of Object.entries(locales)) {
      expect(Object.keys(messages).sort(), locale).toEqual([...keys].sort());
      for (const key of keys) expect(names(messages[key as Key]), `${locale} ${key}`).toEqual(names(en[key as Key]));
    }
  });
  it("are all used", () => {
    // Keys built from a code ("state." + code) are used when their stem is.
    const stems = [...sources.matchAll(/`([\w.]+)\.\$\{/g), ...sources.matchAll(/word\("([\w.]+)"/g)].map((m) => `${m[1]}.`);
    const unused = keys.filter((key) => {
      const stem = key.replace(plurals, "");
      if ([`"${key}"`, `'${key}'`, `"${stem}"`, `'${stem}'`].some((text) => sources.includes(text))) return false;
      return !stems.some((s) => key.startsWith(s)) && !/^\w+\.title$/.test(key);
    });
    expect(unused).toEqual([]);
  });
  it("have a word for every code of the contract", () => {
    const schema = readFileSync(join(root, "api/schema.ts"), "utf8");
    const codes = (name: string) => {
      const found = new RegExp(`\\b${name}: ((?:"\\w+"(?: \\| )?)+);`).exec(schema);
      return [...(found?.[1] ?? "").matchAll(/"(\w+)"/g)].map((m) => m[1]);
    };
    const families = { State: "state", Cause: "cause", Reason: "reason", Severity: "severity", FlowStatus: "status", Role: "role", ReportState: "report.state", DeliveryState: "delivery.state", MailSecurity: "mail.security", ScheduleRhythm: "schedules.rhythm" };
    for (const [name, prefix] of Object.entries(families)) {
      expect(codes(name).length, name).toBeGreaterThan(2);
      for (const code of codes(name)) expect(keys).toContain(`${prefix}.${code}`);
    }
  });
  it("fill names and choose plurals", () => {
    expect(t("time.ago", { span: "3 s" })).toBe("3 s ago");
    expect(tn("fleet.instances", 1)).toBe("1 instance");
    expect(tn("fleet.instances", 0)).toBe("0 instances");
  });
});
