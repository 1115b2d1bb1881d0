// What a person does in the console, as checks in the order they are run. Each gets the page and
// what the run was given; it throws when the console does not do what it should.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { isAccessible } from "./hold.mjs";

const row = (page, name) => page.locator(`tr[data-instance="${name}"]`);
const inState = (page, name, state) => page.locator(`tr[data-instance="${name}"][data-state="${state}"]`);
const shell = (command) => execFileSync("/bin/sh", ["-c", command], { stdio: ["ignore", "ignore", "inherit"] });

export async function signIn(page, { user, password }) {
  await page.goto("/login");
  await page.fill("[name=user]", user);
  await page.fill("[name=password]", password);
  await page.click("[type=submit]");
  await page.waitForSelector("h1:text-is('Fleet')");
}

async function refusesWrongPassword(page, { user }) {
  await page.goto("/alerts?state=engaged");
  await page.waitForURL(/\/login\?next=/);
  await page.fill("[name=user]", user);
  await page.fill("[name=password]", "not the password");
  const refusal = page.waitForResponse((r) => r.url().endsWith("/api/v1/session") && r.request().method() === "POST");
  await page.click("[type=submit]");
  assert.equal((await refusal).status(), 401);
  await page.waitForSelector("[role=alert]");
  assert.match(page.url(), /\/login/);
}

async function showsEveryInstanceUp(page, { instances }) {
  for (const name of instances) await inState(page, name, "up").waitFor({ timeout: 30_000 });
  for (const name of instances) assert.match(await row(page, name).innerText(), /bit\/s/);
}

async function updatesWithoutReload(page, { victim }) {
  await page.evaluate(() => (window.notReloaded = true));
  const line = row(page, victim).locator(".spark path").last();
  const before = await line.getAttribute("d");
  await page.waitForFunction(
    ([name, old]) => document.querySelector(`tr[data-instance="${name}"] .spark path:last-child`)?.getAttribute("d") !== old,
    [victim, before],
    { timeout: 15_000 },
  );
}

async function filtersByTotals(page, { instances }) {
  await page.click(".total.down");
  await page.waitForURL(/group=down/);
  assert.equal(await page.locator("tr[data-instance]").count(), 0);
  await page.goBack();
  await page.waitForFunction((n) => document.querySelectorAll("tr[data-instance]").length >= n, instances.length);
}

async function showsTheKilledOneUnreachable(page, { victim, killCommand, shoot }) {
  const begun = Date.now();
  shell(killCommand);
  await inState(page, victim, "unreachable").waitFor({ timeout: 8000 });
  const took = Date.now() - begun;
  const text = await row(page, victim).innerText();
  assert.match(text, /Unreachable/);
  assert.match(text, /process dead/);
  assert.equal(await page.evaluate(() => window.notReloaded), true);
  assert.equal(await page.locator("tr[data-instance]").first().getAttribute("data-instance"), victim, "worst first");
  await shoot(page, "fleet-unreachable");
  return `after ${(took / 1000).toFixed(1)} s`;
}

async function saysHowOldStoredRowsAre(page, { victim }) {
  await page.goto(`/instances/${victim}`);
  await page.waitForSelector(".instance-head[data-state=unreachable]");
  await page.waitForSelector("[data-test=flows-stale]");
  await page.goto("/probes");
  await page.locator("[data-test=old]").filter({ hasText: new RegExp(`${victim} does not answer: .* old`) }).waitFor();
  await page.goto(`/assets?instance=${victim}&state=unknown`);
  await page.locator("tr[data-asset]").first().waitFor({ timeout: 20_000 });
  await page.goto("/");
}

async function showsItUpAgain(page, { victim, startCommand }) {
  if (!startCommand) return "not asked for";
  await row(page, victim).waitFor();
  shell(startCommand);
  await inState(page, victim, "up").waitFor({ timeout: 30_000 });
  assert.match(await row(page, victim).innerText(), /back after/);
}

async function drillsDown(page, { live }) {
  await row(page, live).locator("a").first().click();
  await page.waitForURL(new RegExp(`/instances/${live}`));
  await page.waitForSelector(".chart canvas");
  await page.waitForSelector("tr[data-flow]", { timeout: 20_000 });
  assert.equal(await page.locator("[data-test=flows-stale]").count(), 0);
  await page.waitForSelector(".top-list li", { timeout: 30_000 });
}

async function filtersFlowsInTheUrl(page) {
  const app = await page.locator("tr[data-flow]").first().getAttribute("data-app");
  await page.fill(".flow-filters [list=flow-apps]", app);
  await page.waitForURL((url) => url.searchParams.get("app") === app);
  const onlyThat = (name) =>
    [...document.querySelectorAll("tr[data-flow]")].every((r) => r.querySelector(".f-app").innerText.includes(name));
  await page.waitForFunction(onlyThat, app);
  await page.reload();
  await page.waitForSelector(".flow-filters");
  assert.equal(await page.inputValue(".flow-filters [list=flow-apps]"), app);
  await page.fill(".flow-filters [list=flow-apps]", "no such application");
  await page.waitForSelector(".flows .empty");
  await page.click(".flows .empty .button");
  await page.waitForSelector("tr[data-flow]");
}

async function opensAFlow(page, { shoot }) {
  await page.locator("tr[data-flow] .f-app button").first().click();
  await page.waitForSelector("dialog[open] .sides");
  await page.waitForSelector("dialog[open] [data-test=flow-history-why], dialog[open] [data-test=flow-history-pace]");
  await shoot(page, "flow");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog[open]", { state: "detached" });
}

async function listsAlerts(page, { shoot }) {
  await page.goto("/alerts");
  const first = page.locator("tr[data-kind]").first();
  await first.waitFor({ timeout: 20_000 });
  const kind = await first.getAttribute("data-kind");
  await first.locator(".a-title button").click();
  await page.waitForURL(/id=/);
  await page.waitForSelector("dialog[open] .alert-part");
  await shoot(page, "alert");
  await page.click("dialog[open] .alert-next .button >> nth=-1");
  await page.waitForURL((url) => url.searchParams.get("kind") === kind);
  await page.waitForSelector("tr[data-kind]");
  const kinds = await page.locator("tr[data-kind]").evaluateAll((rows) => rows.map((r) => r.dataset.kind));
  assert.deepEqual([...new Set(kinds)], [kind]);
}

async function storesTheOutageAsAnAlert(page, { victim }) {
  await page.goto(`/alerts?instance=${victim}&kind=fleet_agent_unreachable`);
  await page.waitForSelector("tr[data-kind=fleet_agent_unreachable]");
}

async function makesAndOpensAReport(page, { openPage, shoot }) {
  await page.goto("/reports");
  await page.click("[data-test=new-report]");
  await page.check("dialog[open] input[value=hour]");
  await page.click("dialog[open] [type=submit]");
  await page.waitForSelector("dialog[open]", { state: "detached" });
  const link = page.locator("tr[data-state=done] th a").first();
  await link.waitFor({ timeout: 30_000 });
  const [report] = await Promise.all([page.context().waitForEvent("page"), link.click()]);
  const stopped = [];
  report.on("console", (message) => stopped.push(message.text()));
  await report.waitForSelector("h1:text-is('Fleet report')"); // a tab that still opens cannot reload
  await report.reload();
  await report.waitForSelector("h1:text-is('Fleet report')");
  // Its style is taken although the policy allows nothing else.
  const border = await report.evaluate(() => getComputedStyle(document.querySelector(".kpis li")).borderTopStyle);
  assert.equal(border, "solid");
  assert.deepEqual(stopped, []);
  await shoot(report, "report");
  // Nothing runs in a report, and so not axe either: it looks at a copy.
  const copy = await openPage();
  await copy.setContent(await report.content());
  await isAccessible(copy, "the report");
  await copy.context().close();
  await report.close();
}

async function triesARecipient(page) {
  await page.goto("/settings");
  await page.click("[data-test=new-recipient]");
  await page.fill("dialog[open] [name=name]", "Nobody");
  await page.selectOption("dialog[open] [name=type]", "webhook");
  await page.fill("dialog[open] [name=address]", "http://127.0.0.1:9/");
  await page.selectOption("dialog[open] [name=min_severity]", "emergency");
  await page.click("dialog[open] [type=submit]");
  await page.waitForSelector("dialog[open]", { state: "detached" });
  await page.click('[data-recipient="Nobody"] .notify-test .button');
  await page.waitForSelector('[data-recipient="Nobody"] [data-result=failed]', { timeout: 40_000 });
  await page.waitForSelector("[data-test=deliveries] tr[data-state=dead]", { timeout: 15_000 });
}

async function switchesTheTheme(page) {
  await page.goto("/");
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const pick = async (theme) => {
    await page.click(".drop > button");
    await page.click(`[data-theme-choice=${theme}]`);
    await page.keyboard.press("Escape");
  };
  await pick("light");
  const light = await ground();
  await pick("dark");
  assert.notEqual(await ground(), light);
  await page.reload();
  await page.waitForSelector(".drop");
  assert.notEqual(await ground(), light);
  await pick("system");
}

async function survivesALostSocket(page, { openPage, ...given }) {
  const other = await openPage();
  const routes = [];
  let away = false;
  await other.routeWebSocket("**/api/v1/live", (socket) => {
    if (away) return socket.close();
    socket.connectToServer();
    routes.push(socket);
  });
  await signIn(other, given);
  await other.waitForSelector(".live-pill.on");
  away = true;
  for (const socket of routes) await socket.close();
  await other.waitForSelector("[data-test=stale]", { timeout: 15_000 });
  away = false;
  // The console also tries by itself: the banner may be gone before the click.
  await other.click("[data-test=stale] .button", { timeout: 2000 }).catch(() => {});
  await other.waitForSelector(".live-pill.on", { timeout: 20_000 });
  await other.waitForSelector("[data-test=stale]", { state: "detached" });
  await other.context().close();
}

async function pausesAndGoesOn(page) {
  await page.click(".live-pill");
  await page.waitForSelector(".live-pill.paused");
  await page.click(".live-pill");
  await page.waitForSelector(".live-pill.on");
}

async function signsOut(page) {
  await page.click(".drop > button");
  await page.click(".user-menu > .button");
  await page.waitForURL(/\/login/);
  await page.goto("/");
  await page.waitForURL(/\/login/);
}

async function findsAHostOfAnySite(page, { shoot }) {
  await page.goto("/");
  await page.waitForSelector("tr[data-instance]");
  await page.keyboard.press("/");
  await page.keyboard.type("10.20.");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/assets\?q=10\.20/);
  await page.locator("tr[data-asset]").first().waitFor({ timeout: 30_000 });
  const host = await page.locator("tr[data-asset]").first().getAttribute("data-asset");
  assert.match(host, /^10\.20\./);
  await page.locator(`tr[data-asset="${host}"] .s-name button`).first().click();
  await page.waitForSelector(".panel .facts");
  assert.match(page.url(), /id=\d+/);
  await shoot(page, "asset");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !document.querySelector(".panel"));
}

export const checks = [
  ["a wrong password is refused and the way back kept", refusesWrongPassword],
  ["the right one leads to the fleet", signIn],
  ["every instance is up with its throughput", showsEveryInstanceUp],
  ["values change without a reload", updatesWithoutReload],
  ["totals filter the table and Back undoes it", filtersByTotals],
  ["a killed agent turns unreachable, process dead, without a reload", showsTheKilledOneUnreachable],
  ["its page, probes and assets say that they are not live", saysHowOldStoredRowsAre],
  ["started again it is up, with the outage told", showsItUpAgain],
  ["a click leads to the instance with chart, top lists and live flows", drillsDown],
  ["filters of flows live in the URL", filtersFlowsInTheUrl],
  ["a flow opens and closes", opensAFlow],
  ["a host of any site is found from every page", findsAHostOfAnySite],
  ["alerts are listed, opened and filtered by kind", listsAlerts],
  ["the outage is an alert", storesTheOutageAsAnAlert],
  ["a report is asked for, made and opened", makesAndOpensAReport],
  ["a recipient is added and tried out", triesARecipient],
  ["the theme is switched and kept", switchesTheTheme],
  ["a lost socket is told and mended", survivesALostSocket],
  ["the page pauses and goes on", pausesAndGoesOn],
  ["signing out ends the session", signsOut],
];
