// Screenshots of every page, light and dark, wide and narrow. Each page must fit its screen.
import assert from "node:assert/strict";
import { signIn } from "./checks.mjs";

const SCREENS = [
  { width: 1440, height: 900 },
  { width: 390, height: 844, hasTouch: true },
];

export async function tour({ openPage, shoot, live, ...given }) {
  const pages = [
    ["fleet", "/", "tr[data-instance]"],
    ["instance", `/instances/${live}`, "tr[data-flow]"],
    ["assets", "/assets", "tr[data-asset]"],
    ["alerts", "/alerts", "tr[data-kind]"],
    ["rules", "/policies/acl", ".rules-head"],
    ["reports", "/reports", ".card h2"],
    ["settings", "/settings", ".settings-table"],
  ];
  for (const colorScheme of ["light", "dark"]) {
    for (const { width, height, hasTouch = false } of SCREENS) {
      const page = await openPage({ viewport: { width, height }, colorScheme, hasTouch });
      const name = (what) => `${what}-${colorScheme}-${width}`;
      await page.goto("/login");
      await page.waitForSelector("[type=submit]");
      await shoot(page, name("login"));
      await signIn(page, given);
      for (const [what, path, sign] of pages) {
        await page.goto(path);
        await page.waitForSelector(sign, { timeout: 20_000 });
        await page.waitForTimeout(1500); // the charts and lists beside it fill
        await shoot(page, name(what));
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(over <= 0, `${name(what)} is ${over} px too wide`);
      }
      await page.context().close();
    }
  }
}
