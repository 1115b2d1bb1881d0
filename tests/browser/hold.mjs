// What every page must hold in every state: it fits its screen, axe finds nothing serious, and the
// keyboard reaches all that can be operated and shows where it is.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const web = createRequire(new URL("../../web/package.json", import.meta.url));
const axe = readFileSync(web.resolve("axe-core/axe.min.js"), "utf8");
const GRAVE = ["serious", "critical"];
const LIMIT = 1000; // steps of the keyboard through one page

export async function fits(page, name) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(over <= 0, `${name} is ${over} px too wide`);
}

/** The rules of WCAG 2.2 A and AA that a program can check, contrast among them. */
export async function isAccessible(page, name) {
  await page.evaluate(axe); // not as a script element: the policy of the page would refuse it
  const found = await page.evaluate(() =>
    axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"] }),
  );
  const grave = found.violations.filter((v) => GRAVE.includes(v.impact));
  const told = grave.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(" ")} (${n.any[0]?.message ?? n.failureSummary})`).join("; ")}`);
  assert.deepEqual(told, [], `${name} is not accessible`);
}

/** Numbers everything that can be operated inside the scope and is on show. */
function markOperable(scope) {
  const SELECTOR = "a[href], button, input, select, textarea, summary, [tabindex]";
  const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
  const second = (e) => e.type === "radio" && !e.checked && document.querySelector(`input[type=radio][name="${e.name}"]:checked`);
  const all = [...document.querySelector(scope).querySelectorAll(SELECTOR)].filter(
    (e) => shown(e) && !e.disabled && !(e.tabIndex < 0) && !second(e) && !e.closest("[inert], [popover]:not(:popover-open)"),
  );
  document.querySelectorAll("[data-stop]").forEach((e) => e.removeAttribute("data-stop"));
  all.forEach((e, i) => e.setAttribute("data-stop", i));
  return all.length;
}

/** Where the keyboard is: the number of the stop, how it shows, and what it is. */
function whereIsFocus() {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const style = getComputedStyle(e);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  const name = `<${e.tagName.toLowerCase()} class="${e.className}"> ${(e.getAttribute("aria-label") ?? e.textContent).trim().slice(0, 40)}`;
  return { stop: e.dataset.stop, seen: outlined || style.boxShadow !== "none", inDialog: Boolean(e.closest("dialog[open]")), name };
}

/** Tab reaches every stop inside the scope, and each shows its focus. */
export async function isReachable(page, name, scope = "body") {
  const wanted = await page.evaluate(markOperable, scope);
  const reached = new Set();
  const unseen = [];
  let rounds = 0;
  for (let i = 0; i < LIMIT && reached.size < wanted && rounds < 3; i++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(whereIsFocus);
    if (!at) rounds++;
    else if (at.stop !== undefined) {
      reached.add(at.stop);
      if (!at.seen) unseen.push(at.name);
    } else if (scope !== "body") assert.ok(at.inDialog, `${name}: the focus left the dialog for ${at.name}`);
  }
  const missed = await page.evaluate(
    (got) => [...document.querySelectorAll("[data-stop]")].filter((e) => !got.includes(e.dataset.stop)).map((e) => e.outerHTML.slice(0, 120)),
    [...reached],
  );
  assert.deepEqual(missed, [], `${name}: not reached by Tab`);
  assert.deepEqual(unseen, [], `${name}: the focus does not show`);
}

/** An open dialog holds the focus, closes by Escape, and gives the focus back to what opened it. */
export async function isProperDialog(page, name, openerSelector) {
  await page.waitForSelector("dialog[open]");
  await isReachable(page, name, "dialog[open]");
  await fits(page, name);
  await isAccessible(page, name);
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog[open]", { state: "detached" });
  const back = await page.evaluate((selector) => document.activeElement?.matches(selector) || document.activeElement?.outerHTML.slice(0, 120), openerSelector);
  assert.equal(back, true, `${name}: closing it does not give the focus back`);
}
