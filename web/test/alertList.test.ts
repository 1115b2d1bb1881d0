import { describe, expect, it } from "vitest";
import type { Alert, AlertPage, AlertQuery } from "../src/api";
import { AlertList, fits, patchPage, type AlertFilter } from "../src/lib/alertList";
import { makeAlert } from "./make";

const ANY: AlertFilter = { state: "all", severity: "", instance: "", site: "", kind: "", q: "" };
const ids = (rows: readonly Alert[] | undefined) => rows?.map((a) => a.id).join(" ");
const pageOf = (items: Alert[], next: string | null = null): AlertPage => ({ items, next, counts: { error: items.length } });

describe("an alert fits a filter", () => {
  const alert = makeAlert({ name: "scan", severity: "error", state: "engaged", client: "10.1.0.7:52", host: "Mail" });
  const is = (patch: Partial<AlertFilter>) => fits(alert, { ...ANY, ...patch });
  it("by state, instance, site and kind", () => {
    expect([is({}), is({ state: "engaged" }), is({ instance: "a" }), is({ site: "s" }), is({ kind: "scan" })]).toEqual([true, true, true, true, true]);
    expect([is({ state: "past" }), is({ instance: "b" }), is({ site: "t" }), is({ kind: "x" })]).toEqual([false, false, false, false]);
  });
  it("when it is as grave as asked, or graver", () => {
    expect([is({ severity: "warning" }), is({ severity: "error" }), is({ severity: "critical" })]).toEqual([true, true, false]);
  });
  it("by text in any case", () => {
    expect([is({ q: "10.1.0" }), is({ q: "mAIL" }), is({ q: "10.2" })]).toEqual([true, true, false]);
  });
});

describe("pushed changes", () => {
  const rows = [makeAlert({ id: "2", state: "engaged", last_ms: 20 }), makeAlert({ id: "1", state: "engaged", last_ms: 10 })];
  it("are put in where the row stands", () => {
    const { page } = patchPage(pageOf(rows), [makeAlert({ id: "1", state: "engaged", count: 9, last_ms: 30 })], ANY);
    expect(ids(page.items)).toBe("2 1");
    expect(page.items[1]!.count).toBe(9);
  });
  it("take a row away that no longer fits, and out of the counts", () => {
    const { page, fresh } = patchPage(pageOf(rows), [makeAlert({ id: "2", state: "released" })], { ...ANY, state: "engaged" });
    expect(ids(page.items)).toBe("1");
    expect(page.counts.error).toBe(1);
    expect(fresh).toEqual([]);
  });
  it("are news only when they fit and belong before the page's end", () => {
    const changed = [makeAlert({ id: "3", last_ms: 30 }), makeAlert({ id: "4", last_ms: 5 }), makeAlert({ id: "5", last_ms: 30, site: "t" })];
    expect(ids(patchPage(pageOf(rows, "further"), changed, { ...ANY, site: "s" }).fresh)).toBe("3");
    expect(ids(patchPage(pageOf(rows), changed, { ...ANY, site: "s" }).fresh)).toBe("3 4");
  });
});

/** A centre with alerts numbered from n down to 1, which can be told to fail. */
class Centre {
  failure: Error | null = null;
  asked: AlertQuery[] = [];
  constructor(public n: number) {}
  ask = async (query: AlertQuery): Promise<AlertPage> => {
    this.asked.push(query);
    if (this.failure) throw this.failure;
    const from = query.cursor ? Number(query.cursor) : this.n;
    const end = Math.max(0, from - (query.limit ?? 100));
    const items = Array.from({ length: from - end }, (_, i) => makeAlert({ id: String(from - i), last_ms: from - i }));
    return { items, next: end ? String(end) : null, counts: {} };
  };
}
function open(centre: Centre, filter: AlertFilter = { ...ANY }) {
  const list = new AlertList({ ask: centre.ask, filter: () => filter, now: () => 77 });
  return { list, filter };
}

describe("the list of alerts", () => {
  it("keeps the pages that were fetched when it is asked anew", async () => {
    const centre = new Centre(1300);
    const { list } = open(centre);
    await list.load();
    for (let i = 0; i < 12; i++) await list.more();
    expect(list.data.value?.items.length).toBe(650);
    centre.n++;
    await list.load();
    expect(list.data.value?.items.map((a) => Number(a.id))).toEqual(Array.from({ length: 650 }, (_, i) => 1301 - i));
  });
  it("begins with one page after a change of the filter", async () => {
    const { list, filter } = open(new Centre(200));
    await list.load();
    await list.more();
    filter.q = "x";
    await list.load();
    expect(list.data.value?.items.length).toBe(50);
  });
  it("tells a reload that failed, with the rows of before and their time", async () => {
    const centre = new Centre(3);
    const { list } = open(centre);
    await list.load();
    centre.failure = new TypeError("x is undefined");
    await list.load();
    expect(list.error.value).toMatchObject({ code: "internal", message: "The console failed: x is undefined" });
    expect(list.data.value?.items.length).toBe(3);
    expect(list.good_ms.value).toBe(77);
    centre.failure = null;
    await list.load();
    expect(list.error.value).toBe(null);
  });
  it("does not show the rows of one filter as those of another that failed", async () => {
    const centre = new Centre(3);
    const { list, filter } = open(centre);
    await list.load();
    centre.failure = new Error("gone");
    filter.state = "past";
    await list.load();
    expect(list.data.value).toBe(null);
  });
  it("does not lose the page that a person asked for to a reload that overtakes", async () => {
    const { list } = open(new Centre(200));
    await list.load();
    await Promise.all([list.more(), list.load()]);
    expect(list.data.value?.items.length).toBe(100);
  });
  it("counts news until they are shown", async () => {
    const centre = new Centre(3);
    const { list } = open(centre);
    expect(list.take([makeAlert({ id: "4", last_ms: 9 })])).toBe(false);
    await list.load();
    expect(list.take([makeAlert({ id: "4", last_ms: 9 })])).toBe(true);
    expect([...list.fresh.value]).toEqual(["4"]);
    await list.load();
    expect(list.fresh.value.size).toBe(0);
  });
});
