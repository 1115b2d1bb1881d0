// Every page in each state that it can have: with data, empty on a fresh centre, when the centre
// refuses, and when what it shows is old. In each it says so and holds what hold.mjs asks of it.
import assert from "node:assert/strict";
import { signIn } from "./checks.mjs";
import { fits, isAccessible, isProperDialog, isReachable } from "./hold.mjs";
import { LOOKS, looks, pagesOf } from "./pages.mjs";

const REFUSAL = {
  status: 503,
  json: { error: { code: "unavailable", message: "The centre's database cannot be reached now.", field: null, hint: "Live figures go on; try again in a few seconds." } },
};
const CAUSE = /database cannot be reached now/;
const REMEDY = /try again in a few seconds/;
const AGE = /What you see is .+ old/;
const LONG_MS = 61_000; // longer than any part of a page waits before it asks anew

/** Runs a check for each page and tells all that failed, not only the first. */
async function each(pages, check) {
  const failures = [];
  for (const one of pages) await check(one).catch((error) => failures.push(error.message));
  assert.equal(failures.length, 0, failures.join("\n"));
}

async function says(page, label, ...patterns) {
  const main = page.locator("main");
  for (const pattern of patterns) {
    await main.filter({ hasText: pattern }).waitFor().catch(async () => assert.match(await main.innerText(), pattern, label));
  }
}

async function holds({ shoot }, page, label) {
  await shoot(page, label);
  await fits(page, label);
  await isAccessible(page, label);
}

/** Pushed and polled values stop, so that nothing moves under the keyboard. */
async function still(page) {
  await page.click(".live-pill");
  await page.waitForSelector(".live-pill.paused");
}

async function withData({ openPage, shoot, ...given }, [scheme, screen], pages) {
  const page = await openPage(looks(scheme, screen));
  await signIn(page, given);
  await each(pages, async ({ name, path, data, row, to, dialogs = [] }) => {
    const label = `${name}-${scheme}-${screen}`;
    await page.goto(path);
    await page.waitForSelector(data, { timeout: 20_000 });
    await still(page);
    await holds({ shoot }, page, label);
    if ((scheme === "dark") === (screen === "wide")) return; // one walk by the keyboard a screen
    await isReachable(page, label);
    for (const button of dialogs) {
      await page.locator(button).first().focus();
      await page.keyboard.press("Enter");
      await isProperDialog(page, `${label} ${button}`, button);
    }
    if (row) await opensByEnter(page, label, row, to);
  });
  await page.context().close();
}

async function opensByEnter(page, label, row, to) {
  await page.locator(row).first().focus();
  await page.keyboard.press("Enter");
  if (to === "dialog") await isProperDialog(page, `${label} ${row}`, row);
  else await page.waitForURL(to);
}

/** A page at whose door the centre can be made to refuse all but who is signed in, with the live
 * channel cut, and to come back. */
async function openRefusable({ openPage, ...given }, [scheme, screen]) {
  const page = await openPage({ ...looks(scheme, screen), refusals: true });
  const sockets = new Set();
  let away = false;
  await page.routeWebSocket("**/api/v1/live", (socket) => {
    if (away) return socket.close();
    socket.connectToServer();
    sockets.add(socket);
  });
  await page.route("**/api/v1/**", (route) => (away && !route.request().url().endsWith("/session") ? route.fulfill(REFUSAL) : route.fallback()));
  await signIn(page, given);
  return {
    page,
    async refuse() {
      away = true;
      for (const socket of sockets) await socket.close().catch(() => {}); // those of pages left are closed
      sockets.clear();
    },
    comeBack() {
      away = false;
    },
  };
}

async function refused(given, look, pages) {
  const { page, refuse } = await openRefusable(given, look);
  await refuse();
  await each(pages.filter((one) => !one.fixed), async ({ name, path }) => {
    const label = `${name}-error-${look.join("-")}`;
    await page.goto(path);
    await says(page, label, CAUSE, REMEDY);
    await page.getByRole("button", { name: /^Try (again|now)$/ }).first().waitFor();
    await holds(given, page, label);
    await isReachable(page, label);
  });
  await page.context().close();
}

async function stale(given, look, pages) {
  const { page, refuse, comeBack } = await openRefusable(given, look);
  await page.clock.install();
  await each(pages.filter((one) => !one.fixed), async ({ name, path, data, pushed }) => {
    const label = `${name}-stale-${look.join("-")}`;
    comeBack();
    await page.goto(path);
    await page.waitForSelector(data, { timeout: 20_000 });
    await refuse();
    await page.clock.fastForward(LONG_MS);
    await page.locator("[data-test=stale]").filter({ hasText: AGE }).waitFor();
    if (!pushed) await page.locator("[data-test=stale-note]").filter({ hasText: AGE }).first().waitFor();
    assert.ok(await page.locator(data).first().isVisible(), `${label}: what was there is gone`);
    await holds(given, page, label);
  });
  await page.context().close();
}

async function fresh({ openPage, ...given }, look, pages) {
  const page = await openPage({ ...looks(...look), refusals: true }); // one asks for what is not there
  await signIn(page, given);
  await each(pages.filter((one) => !one.fixed), async ({ name, path, empty }) => {
    const label = `${name}-empty-${look.join("-")}`;
    await page.goto(path);
    await says(page, label, empty);
    await page.waitForFunction(() => !document.querySelector(".skeleton"));
    await holds(given, page, label);
    await isReachable(page, label);
  });
  await page.context().close();
}

async function atTheDoor({ openPage, ...given }, look) {
  const page = await openPage({ ...looks(...look), refusals: true });
  await page.goto("/login");
  await page.waitForSelector("[type=submit]");
  await isReachable(page, "login");
  await holds(given, page, `login-${look.join("-")}`);
  await page.route("**/api/v1/session", (route) => route.abort());
  await page.goto("/alerts"); // whose session cannot be asked for
  await page.getByText(/centre does not answer/).waitFor();
  await holds(given, page, `login-error-${look.join("-")}`);
  await page.context().close();
}

/** The device of the live instance that has interfaces, as the address of its page wants it. */
async function deviceOf({ openPage, live, ...given }) {
  const page = await openPage();
  await signIn(page, given);
  const devices = await page.evaluate(() => fetch("/api/v1/snmp/devices").then((answer) => answer.json()));
  await page.context().close();
  return devices.items.find((row) => row.instance === live && row.interfaces > 0)?.device;
}

/** As checks: a name, and what to run. */
export async function statesOf(given) {
  const pages = pagesOf({ live: given.live, device: await deviceOf(given) });
  return [
    ...LOOKS.map((look) => [`every page shows its data, ${look.join(", ")}`, () => withData(given, look, pages)]),
    ...[LOOKS[0], LOOKS[1]].flatMap((look) => [
      [`every page tells that the centre refuses, ${look.join(", ")}`, () => refused(given, look, pages)],
      [`every page tells how old its values are, ${look.join(", ")}`, () => stale(given, look, pages)],
      [`signing in, ${look.join(", ")}`, () => atTheDoor(given, look)],
    ]),
  ];
}

export const freshStates = (given) =>
  [LOOKS[0], LOOKS[1]].map((look) => [`every page of a fresh centre says what to do next, ${look.join(", ")}`, () => fresh(given, look, pagesOf({ live: "none" }))]);
