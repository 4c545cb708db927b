// "Run" on each Python block of a page prints what the page says.

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SITE } from "./browser.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** Return a page with the code blocks of a Markdown file, marked up as Sphinx does it. */
export function pageOf(markdown) {
  const text = readFileSync(join(ROOT, markdown), "utf8");
  const blocks = [...text.matchAll(/^```(python|text)\n([\s\S]*?)^```$/gm)];
  const body = blocks.map(([, language, code]) =>
    `<div class="highlight-${language} notranslate"><div class="highlight"><pre>${escape(code)}</pre></div></div>`);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${markdown}</title><link rel="icon" href="/playground/icon.svg"><body><main>${body.join("\n")}</main>
    <script type="module" src="/playground/run-blocks.js"></script>`;
}

/** Return the pages of the built site that include the script. */
export function pagesOfSite() {
  if (!existsSync(join(SITE, "index.html"))) return [];
  return readdirSync(SITE, { recursive: true })
    .filter((path) => path.endsWith(".html") && !path.startsWith("playground"))
    .filter((path) => /<script[^>]*run-blocks\.js/.test(readFileSync(join(SITE, path), "utf8")));
}

/** Click every button, the last one first; return how many were compared, and the differences. */
export async function runAll(page) {
  const buttons = page.locator(".run-block > button");
  const count = await buttons.count();
  if (!count) throw new Error("there is no button");
  const last = buttons.nth(count - 1);
  await last.click();
  await page.waitForFunction(() => {
    const all = [...document.querySelectorAll(".run-block > button")];
    return all.every((button) => button.textContent === "Run again" && !button.disabled);
  }, null, { timeout: 240_000 });
  const results = await page.evaluate(() => [...document.querySelectorAll(".run-block")].map((block) => {
    const next = block.nextElementSibling;
    return {
      code: block.querySelector(".highlight-python pre").textContent,
      error: block.querySelector("output .error")?.textContent ?? null,
      printed: block.querySelector("output .printed")?.textContent ?? "",
      said: next?.matches(".highlight-text") ? next.querySelector("pre").textContent : "",
    };
  }));
  const differences = results.filter(({ error, printed, said }) => error || !matches(said, printed));
  return { count: results.length, compared: results.filter(({ said }) => said).length, differences };
}

/** Return whether a text is what was said; `...` stands for anything, as in doctest. */
function matches(said, printed) {
  const pattern = said.trimEnd().split("...").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("[\\s\\S]*");
  return new RegExp(`^${pattern}$`).test(printed.trimEnd());
}
