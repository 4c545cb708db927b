// `make browser`: tries the playground in Chromium. `--walks N` says how many random walks.

import { parseArgs } from "node:util";
import { launch, openPage, serve, usable } from "./browser.mjs";
import { oracle, walk } from "./walk.mjs";

const { values } = parseArgs({ options: { walks: { type: "string", default: "200" }, steps: { type: "string", default: "12" }, from: { type: "string", default: "1" } } });
const failures = [];
let passed = 0;
const troubles = [];

async function test(name, run) {
  const began = performance.now();
  try {
    await run();
    passed += 1;
    console.log(`ok    ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
  } catch (problem) {
    failures.push(name);
    console.log(`FAIL  ${name}\n${problem.stack}`);
  }
}

const server = await serve();
const browser = await launch();
const library = oracle();

const page = await openPage(browser, server.base, "playground/", troubles);
await usable(page);

await test(`${values.walks} random walks of ${values.steps} clicks show what the library says`, async () => {
  const differences = [];
  let compared = 0;
  for (let seed = Number(values.from); seed < Number(values.from) + Number(values.walks); seed += 1) {
    differences.push(...await walk(page, library, seed, Number(values.steps)));
    compared += Number(values.steps);
    if (process.env.VERBOSE) console.log(`      walk ${seed}: ${differences.length} differences so far`);
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
