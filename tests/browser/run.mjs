// The browser test: a person's way through the console of a running centre, in Chromium.
//
//   node tests/browser/run.mjs --url http://127.0.0.1:8080 --user admin --password-file FILE
//        --instances a,b,c --victim c --kill-command CMD [--start-command CMD]
//        [--live a] [--shots DIR] [--chromium /usr/bin/chromium]
//   node tests/browser/run.mjs --fresh --url … --user … --password-file …
//
// All of --instances must be up or on the way up. --kill-command kills the agent --victim (the
// last instance unless said); --start-command starts it again. --live (the first) is the instance
// that is drilled into. Prints a line per check; ends with "N passed, N failed"; exit status 1
// when any failed.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openBrowser } from "./browser.mjs";
import { checks } from "./checks.mjs";
import { freshStates, statesOf } from "./states.mjs";

const text = { type: "string" };
const { values: args } = parseArgs({
  options: {
    url: text, user: text, "password-file": text, instances: text, victim: text, live: text,
    "kill-command": text, "start-command": text, shots: text, chromium: text, fresh: { type: "boolean" },
  },
});
const ALWAYS = ["url", "user", "password-file"];
for (const needed of args.fresh ? ALWAYS : [...ALWAYS, "instances", "kill-command"]) {
  if (!args[needed]) {
    console.error(`--${needed} is missing; see the head of ${import.meta.url}`);
    process.exit(2);
  }
}

const browser = await openBrowser(args.chromium ?? "/usr/bin/chromium", args.url);
const instances = (args.instances ?? "").split(",");
const given = {
  user: args.user,
  password: readFileSync(args["password-file"], "utf8").trim(),
  instances,
  victim: args.victim ?? instances[instances.length - 1],
  live: args.live ?? instances[0],
  killCommand: args["kill-command"],
  startCommand: args["start-command"],
  openPage: browser.openPage,
  shoot: async (page, name) => {
    if (args.shots) await page.screenshot({ path: join(args.shots, `${name}.png`), fullPage: true });
  },
};
if (args.shots) mkdirSync(args.shots, { recursive: true });

let passed = 0;
let failed = 0;
async function run(name, check) {
  const begun = Date.now();
  try {
    const note = await check();
    passed++;
    console.log(`ok      ${name}${note ? `: ${note}` : ""} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}\n        ${String(error.message).replaceAll("\n", "\n        ")}`);
  }
}

async function runChecks() {
  const page = await browser.openPage();
  for (const [index, [name, check]] of checks.entries()) {
    const before = failed;
    await run(name, () => check(page, given));
    if (failed > before) await given.shoot(page, `failed-${index}`).catch(() => {});
  }
}

if (!args.fresh) await runChecks();
for (const [name, check] of args.fresh ? freshStates(given) : await statesOf(given)) await run(name, check);
await run("no fault on the console, no foreign host asked", () => assert.deepEqual(browser.faults, []));
await browser.close();

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
