// The pages of the site: each loads without an error and fits on a phone, and axe finds nothing on
// one of each kind.

import { strict as assert } from "node:assert";
import { readdirSync } from "node:fs";
import { axe } from "./axe.mjs";
import { SITE, openPage } from "./browser.mjs";

const OF_EACH_KIND = [
  "index.html", "search.html", "genindex.html", "tutorial/index.html", "how-to/index.html", "how-to/databases.html",
  "explanation/lifecycle.html", "reference/machines.html", "reference/commands.html", "reference/refusals.html",
  "reference/names/clients.html",
];
const DESKTOP = { width: 1440, height: 1000 };
const PHONE = { width: 375, height: 700 };

export const tests = {
  "each page of the site loads, and fits on a phone": async ({ browser, base, troubles }) => {
    const pages = readdirSync(SITE, { recursive: true }).filter((path) => path.endsWith(".html") && !path.startsWith("playground"));
    const it = await openPage(browser, base, "index.html", troubles, { viewport: PHONE });
    for (const path of pages) {
      await it.goto(base + path);
      const wide = await it.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= PHONE.width, `${path}: ${wide} px`);
      const scrolled = await it.evaluate(() => [...document.querySelectorAll("figure")].filter((figure) => figure.scrollWidth > figure.clientWidth).length);
      assert.equal(scrolled, 0, `${path}: a picture is too wide`);
    }
    console.log(`      ${pages.length} pages`);
    await it.context().close();
  },

  "axe finds nothing on a page of each kind, light on a desktop and dark on a phone": async ({ browser, base, troubles }) => {
    const it = await openPage(browser, base, "index.html", troubles, { reducedMotion: "reduce" });
    for (const path of OF_EACH_KIND) {
      await it.goto(base + path);
      for (const [colorScheme, viewport] of [["light", DESKTOP], ["dark", PHONE]]) {
        await it.emulateMedia({ colorScheme });
        await it.setViewportSize(viewport);
        await axe(it, `${path}, ${colorScheme}, ${viewport.width} px`);
      }
    }
    await it.context().close();
  },

  "the table of commands is filtered, and axe finds nothing then": async ({ browser, base, troubles }) => {
    for (const colorScheme of ["light", "dark"]) {
      const it = await openPage(browser, base, "reference/commands.html", troubles, { colorScheme });
      await it.selectOption("form.filter select", "client");
      assert.match(await it.innerText("form.filter output"), /^\d+ of \d+ commands$/);
      await axe(it, colorScheme);
      await it.context().close();
    }
  },

  "the keyboard scrolls what is wider than its column": async ({ browser, base, troubles }) => {
    const it = await openPage(browser, base, "reference/commands.html", troubles, { viewport: PHONE });
    const box = it.locator(".table-wrapper[tabindex='0']").first();
    await box.focus();
    assert.match(await box.getAttribute("aria-label"), /^Table: /);
    await it.keyboard.press("ArrowRight");
    await it.waitForFunction(() => document.activeElement.scrollLeft > 0);
    await it.context().close();
  },
};
