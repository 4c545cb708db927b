// `make pyodide-tests`: runs the tests in Chromium, in the runtime of the playground. What cannot
// run there is in suite.py. Arguments are those of pytest: files, `-k`, and so on.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launch, serve } from "./browser.mjs";

const BUILD = fileURLToPath(new URL("../../build/", import.meta.url));
const worker = readFileSync(new URL("suite.js", import.meta.url), "utf8");

const server = await serve({ "/tests.html": "<!doctype html><title>Tests</title>", "/suite.js": worker }, BUILD);
const browser = await launch();
const page = await browser.newPage();
await page.exposeFunction("write", (text) => { process.stdout.write(text); });
await page.goto(`${server.base}tests.html`);
process.exitCode = await page.evaluate(({ base, chosen }) => new Promise((resolve, reject) => {
  const suite = new Worker(`${base}suite.js`, { type: "module" });
  suite.onmessage = ({ data }) => {
    if ("text" in data) globalThis.write(data.text);
    else if ("status" in data) resolve(data.status);
    else reject(new Error(data.problem));
  };
  suite.postMessage({ base, chosen });
}), { base: server.base, chosen: process.argv.slice(2) });
await browser.close();
server.close();
