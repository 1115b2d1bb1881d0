// Starts Chromium for the browser test: a fresh profile, no network of its own, every request to a
// foreign host refused and remembered, every fault on the console remembered.
import { createRequire } from "node:module";

const web = createRequire(new URL("../../web/package.json", import.meta.url));
const { chromium } = web("playwright-core");

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Chromium, with what went wrong in any of its pages. */
export async function openBrowser(executablePath, url) {
  const origin = new URL(url).origin;
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  const faults = [];

  /** With `refusals` the centre may refuse with 404 or 503 without that being a fault. */
  async function openPage({ refusals = false, ...options } = {}) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, baseURL: origin, ...options });
    await context.route("**/*", (route) => {
      if (new URL(route.request().url()).origin === origin) return route.continue();
      faults.push(`foreign host: ${route.request().url()}`);
      return route.abort();
    });
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    page.on("pageerror", (error) => faults.push(`exception: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() === "error" && !expected(message, refusals)) faults.push(`console: ${message.text()}`);
    });
    return page;
  }
  return { openPage, faults, close: () => browser.close() };
}

/** Chromium writes every refused request to the console. Only one refusal is part of every good run:
 * asking who is signed in when nobody is. */
function expected(message, refusals) {
  const text = message.text();
  if (refusals && /status of (404|503)|ERR_FAILED/.test(text)) return true;
  return text.includes("401") && message.location().url.endsWith("/api/v1/session");
}
