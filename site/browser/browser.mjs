// Chromium, a server of static files on loopback, and what the tests have in common.

import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const SITE = fileURLToPath(new URL("../../build/site/", import.meta.url));

const TYPES = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css",
  ".json": "application/json", ".svg": "image/svg+xml", ".wasm": "application/wasm", ".zip": "application/zip",
};

/** Serve the built site, and pages of the tests, on a free port of 127.0.0.1. */
export async function serve(pages = {}, folder = SITE) {
  const server = createServer((request, response) => {
    if (request.url in pages) {
      response.writeHead(200, { "content-type": TYPES[extname(request.url)] }).end(pages[request.url]);
      return;
    }
    let path = normalize(join(folder, decodeURIComponent(new URL(request.url, "http://localhost").pathname)));
    if (path.startsWith(folder.replace(/\/$/, "")) && existsSync(path) && statSync(path).isDirectory()) path = join(path, "index.html");
    if (!path.startsWith(folder.replace(/\/$/, "")) || !existsSync(path)) {
      response.writeHead(404).end();
      return;
    }
    const size = statSync(path).size;
    response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream", "content-length": size, "cache-control": "max-age=3600" });
    createReadStream(path).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { base: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

export function launch() {
  const executablePath = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/google-chrome"].find((path) => path && existsSync(path));
  if (!executablePath) throw new Error("There is no Chromium here. Name one: CHROMIUM=/path/to/chromium make browser");
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** Open a page; `troubles` collects errors, and requests to anywhere else. */
export async function openPage(browser, base, path, troubles, options = {}) {
  const context = await browser.newContext({ locale: "en-GB", viewport: { width: 1440, height: 1000 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("pageerror", (problem) => troubles.push(`error: ${problem.message}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) troubles.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(base) && !/^(data|blob|about):/.test(url)) troubles.push(`request to elsewhere: ${url}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) troubles.push(`${response.status()}: ${response.url()}`);
  });
  await page.goto(base + path);
  return page;
}

/** Wait until the playground can be used. */
export const usable = (page) =>
  page.waitForFunction(() => document.getElementById("page").getAttribute("aria-busy") === "false", null, { timeout: 180_000 });

/** Wait until every question that the page asked is answered, and shown. */
export const settled = (page) => page.evaluate(async () => {
  const { page: playground } = await import(new URL("app.js", location.href));
  for (let quiet = 0; quiet < 3;) {
    await new Promise((resolve) => { setTimeout(resolve, 0); });
    quiet = playground.runtime.idle ? quiet + 1 : 0;
  }
});
