// `make browser`: tries the playground in Chromium. `--walks N` says how many random walks.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { pageOf, pagesOfSite, runAll } from "./blocks.mjs";
import { SITE, launch, openPage, serve, usable } from "./browser.mjs";
import { opener, tests } from "./page.mjs";
import { tests as siteTests } from "./site.mjs";
import { oracle, walk } from "./walk.mjs";

const { values } = parseArgs({
  options: {
    walks: { type: "string", default: "200" },
    steps: { type: "string", default: "8" },
    from: { type: "string", default: "1" },
    only: { type: "string", default: "" },
  },
});
const failures = [];
let passed = 0;
const troubles = [];

async function test(name, run) {
  if (!name.includes(values.only)) return;
  const began = performance.now();
  const seconds = () => ((performance.now() - began) / 1000).toFixed(1);
  try {
    await run();
    passed += 1;
    console.log(`ok    ${name} (${seconds()} s)`);
  } catch (problem) {
    failures.push(name);
    console.log(`FAIL  ${name} (${seconds()} s)\n${problem.stack}`);
  }
}

const written = Object.fromEntries(["README.md"].map((path) => [`/${path}.html`, pageOf(path)]));
const server = await serve(written);
const browser = await launch();
const library = oracle();

const page = await openPage(browser, server.base, "playground/", troubles);
await usable(page);
const cold = await page.evaluate(() => performance.getEntriesByName("usable")[0].startTime);
await page.reload();
await usable(page);
const warm = await page.evaluate(() => performance.getEntriesByName("usable")[0].startTime);
console.log(`      usable after ${(cold / 1000).toFixed(1)} s, and after ${(warm / 1000).toFixed(1)} s when it is cached`);

const second = opener(browser, server.base, troubles);
for (const [name, run] of Object.entries(tests)) {
  await test(name, async () => {
    if (await page.isVisible("dialog")) await page.click("dialog .close");
    await page.click("#restart");
    await run({ page, second, library, browser, base: server.base });
  });
}

if (existsSync(join(SITE, "index.html"))) {
  for (const [name, run] of Object.entries(siteTests)) await test(name, () => run({ browser, base: server.base, troubles }));
}

for (const path of [...Object.keys(written), ...pagesOfSite()]) {
  await test(`each "run" button of ${path} prints what the page says`, async () => {
    const it = await openPage(browser, server.base, path.replace(/^\//, ""), troubles);
    const { count, compared, differences } = await runAll(it);
    console.log(`      ${count} blocks ran, ${compared} have text to compare with`);
    if (differences.length) throw new Error(JSON.stringify(differences, null, 2));
    await it.context().close();
  });
}

await test(`${values.walks} random walks of ${values.steps} clicks show what the library says`, async () => {
  const differences = [];
  let compared = 0;
  for (let seed = Number(values.from); seed < Number(values.from) + Number(values.walks); seed += 1) {
    differences.push(...await walk(page, library, seed, Number(values.steps)));
    compared += Number(values.steps);
    if (seed % 10 === 0) console.log(`      after walk ${seed}: ${differences.length} differences`);
    if (differences.length > 20) break;
  }
  console.log(`      ${compared} pages compared, ${differences.length} differences`);
  if (differences.length) throw new Error(differences.join("\n"));
});

await test("nothing was asked of another server, and nothing was said on the console", () => {
  if (troubles.length) throw new Error([...new Set(troubles)].join("\n"));
});

await browser.close();
server.close();
library.close();
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length ? 1 : 0;
