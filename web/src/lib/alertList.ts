// The list of alerts behind the filters: pages that are fetched, rows that pushed changes patch, and
// what the centre has that is not shown yet. Knows no page, so that it can be tested.
import { ref, shallowRef } from "vue";
import { asApiError, type Alert, type AlertPage, type AlertQuery, type ApiError } from "@/api";
import { SEVERITIES } from "./words";

/** What the person asked to see; empty is any. `severity` is that one or worse. */
export interface AlertFilter {
  state: "engaged" | "past" | "all";
  severity: string;
  instance: string;
  site: string;
  kind: string;
  q: string;
}

const PAGE = 50;
const MOST = 500; // that the centre gives in one answer

const gravity = (severity: string) => SEVERITIES.findIndex((one) => one === severity);

function holds(alert: Alert, text: string): boolean {
  const wanted = text.toLowerCase();
  const fields = [alert.entity_id, alert.host, alert.detail, alert.client, alert.server];
  return fields.some((field) => field?.toLowerCase().includes(wanted));
}

/** Whether an alert is one of those that the filter asks for, as the centre would say it. */
export function fits(alert: Alert, filter: AlertFilter): boolean {
  const { state, severity, instance, site, kind, q } = filter;
  if (state !== "all" && (alert.state === "engaged") !== (state === "engaged")) return false;
  if (severity && gravity(alert.severity) > gravity(severity)) return false;
  if ((instance && alert.instance !== instance) || (site && alert.site !== site)) return false;
  return (!kind || alert.name === kind) && (!q || holds(alert, q));
}

/** A page with the changed rows in their places and those that no longer fit taken out; `fresh` are
 * those that fit and that the page, which ends with its last row, should have. */
export function patchPage(
  page: AlertPage,
  changed: readonly Alert[],
  filter: AlertFilter,
): { page: AlertPage; fresh: Alert[] } {
  const byId = new Map(changed.map((alert) => [alert.id, alert]));
  const known = new Set(page.items.map((alert) => alert.id));
  const counts = { ...page.counts };
  const items: Alert[] = [];
  for (const old of page.items) {
    const alert = byId.get(old.id) ?? old;
    if (alert === old || fits(alert, filter)) items.push(alert);
    else counts[old.severity] = Math.max(0, (counts[old.severity] ?? 0) - 1);
  }
  const end_ms = page.next ? (page.items[page.items.length - 1]?.last_ms ?? 0) : 0;
  const fresh = changed.filter((a) => !known.has(a.id) && fits(a, filter) && a.last_ms >= end_ms);
  return { page: { ...page, items, counts }, fresh };
}

export interface AlertListOptions {
  ask: (query: AlertQuery) => Promise<AlertPage>;
  filter: () => AlertFilter;
  /** The centre's time. */
  now: () => number;
}

export class AlertList {
  readonly data = shallowRef<AlertPage | null>(null);
  readonly error = shallowRef<ApiError | null>(null);
  /** When the page was last whole and right. */
  readonly good_ms = ref<number | null>(null);
  /** Ids of alerts that would be on the page but are not. */
  readonly fresh = shallowRef<ReadonlySet<string>>(new Set());
  /** True while the rows on the page are still those of another filter. */
  readonly waiting = ref(false);

  private turn = 0;
  private wanted = PAGE;
  private shownFor = "";

  constructor(private readonly options: AlertListOptions) {}

  readonly refresh = (): void => void this.load();

  /** Asks anew for as many rows as were fetched before; after a change of the filter for one page. */
  async load(): Promise<void> {
    const key = JSON.stringify(this.options.filter());
    if (key !== this.shownFor) this.wanted = PAGE;
    this.waiting.value = key !== this.shownFor && this.data.value !== null;
    await this.run(key, () => this.fetch(this.wanted));
  }

  async more(): Promise<void> {
    const page = this.data.value;
    if (!page?.next) return;
    this.wanted = page.items.length + PAGE;
    await this.run(this.shownFor, async () => {
      const answer = await this.options.ask(this.query(PAGE, page.next));
      const seen = new Set(page.items.map((alert) => alert.id));
      const added = answer.items.filter((alert) => !seen.has(alert.id));
      return { ...answer, items: [...(this.data.value?.items ?? []), ...added] };
    }, true);
  }

  /** Takes in what the centre pushed. True when there are alerts that the page lacks. */
  take(changed: readonly Alert[]): boolean {
    if (!this.data.value) return false;
    const patch = patchPage(this.data.value, changed, this.options.filter());
    this.data.value = patch.page;
    if (patch.fresh.length) this.fresh.value = new Set([...this.fresh.value, ...patch.fresh.map((a) => a.id)]);
    return patch.fresh.length > 0;
  }

  private async run(key: string, ask: () => Promise<AlertPage>, keepsFresh = false): Promise<void> {
    const mine = ++this.turn;
    try {
      const page = await ask();
      if (mine !== this.turn) return;
      this.data.value = page;
      this.shownFor = key;
      this.error.value = null;
      this.good_ms.value = this.options.now();
      if (!keepsFresh) this.fresh.value = new Set();
    } catch (failure) {
      if (mine !== this.turn) return;
      this.error.value = asApiError(failure);
      if (key !== this.shownFor) this.data.value = null;
    }
    this.waiting.value = false;
  }

  private query(limit: number, cursor?: string | null): AlertQuery {
    const { severity, ...rest } = this.options.filter();
    return { ...rest, severity: (severity || undefined) as AlertQuery["severity"], limit, cursor: cursor ?? undefined };
  }

  private async fetch(count: number): Promise<AlertPage> {
    let page = await this.options.ask(this.query(Math.min(count, MOST)));
    while (page.next && page.items.length < count) {
      const left = Math.min(count - page.items.length, MOST);
      const more = await this.options.ask(this.query(left, page.next));
      page = { ...more, counts: page.counts, items: [...page.items, ...more.items] };
    }
    return page;
  }
}
