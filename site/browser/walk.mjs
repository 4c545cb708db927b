// Random walks by clicks. After each click, what the page shows is compared with the library in
// CPython (oracle.py): what is offered and refused, with reasons and ways out, and the lists,
// notices, invoices and sign-in.

import { spawn } from "node:child_process";
import { isDeepStrictEqual } from "node:util";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { settled } from "./browser.mjs";

/** Return a source of numbers that a seed determines. */
function chance(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return { next, below: (n) => Math.floor(next() * n), of: (list) => list[Math.floor(next() * list.length)] };
}

/** Start the library in CPython; each question is a line. */
export function oracle() {
  const process_ = spawn(process.env.PYTHON ?? "python3", [fileURLToPath(new URL("oracle.py", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, PYTHONPATH: `${fileURLToPath(new URL("../playground/py", import.meta.url))}:${process.env.PYTHONPATH ?? ""}` },
  });
  const answers = createInterface({ input: process_.stdout })[Symbol.asyncIterator]();
  return {
    ask: async (question) => {
      process_.stdin.write(`${JSON.stringify(question)}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error("the oracle has ended");
      return JSON.parse(value);
    },
    close: () => process_.stdin.end(),
  };
}

// ── Reading the page ─────────────────────────────────────────────────────────────────────────────

/** Return what a person sees, from the page's elements. */
export const seen = (page) => page.evaluate(() => {
  const text = (element) => element?.textContent ?? null;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const parameters = new URLSearchParams(location.hash.slice(1));
  const lists = {};
  for (const tab of all("[data-list]")) lists[tab.dataset.list] = Number(text(tab.querySelector(".count")));
  const found = {
    link: parameters.get("s"),
    practice: parameters.get("practice"),
    client: parameters.get("client"),
    search: document.getElementById("search").value,
    now: document.getElementById("now").value,
    counts: lists,
    list: document.querySelector('[data-list][aria-pressed="true"]').dataset.list,
    rows: all('[data-rows="rows"] .row').map((row) => [row.dataset.client, text(row.querySelector(".name")), text(row.querySelector(".label"))]),
    invoice: document.querySelector('[data-invoice="practice"]').dataset.total,
    card: null,
  };
  if (!found.client) return found;
  const card = document.getElementById("card");
  const field = (name) => text(card.querySelector(`[data-field="${name}"]`));
  const settled = card.querySelector('[data-field="settled"]');
  const actions = {};
  for (const by of ["practice", "client", "platform"]) {
    const panel = document.getElementById(`panel-${by}`);
    actions[by] = {
      offered: all("[data-offer]", panel).map((button) => button.dataset.offer.slice(by.length + 1)).sort(),
      refused: Object.fromEntries(all("[data-refused]", panel).map((item) => [
        item.dataset.refused.slice(by.length + 1),
        [item.dataset.code, text(item.querySelector(".message")), all(".ways li", item).map(text)],
      ])),
    };
  }
  found.card = {
    name: field("name"),
    label: field("label"),
    payer: field("payer"),
    settled: settled ? settled.classList.contains("settled") : null,
    services: all("[data-service]", card).map((row) => row.dataset.service),
    actions,
    history: all("[data-event]").map((item) => item.dataset.event).reverse(),
    notices: all("[data-notice]").map((button) => [button.dataset.notice, text(button.querySelector(".subject")), text(button.querySelector(".hint"))])
      .sort((one, other) => (one[0] < other[0] ? -1 : 1)),
    sign_in: document.querySelector("[data-sign-in]").dataset.signIn,
    opens: Object.fromEntries(all("[data-opening]").map((row) => [
      row.dataset.opening, text(row.querySelector(".message")) ?? text(row.querySelector("dd")),
    ])),
    invoice: document.querySelector('[data-invoice="client"]')?.dataset.total ?? null,
  };
  return found;
});

/** Compare what is seen with what the library says; return the differences. */
export async function compare(page, library) {
  const it = await seen(page);
  const said = await library.ask({ link: it.link, practice: it.practice, search: it.search, client: it.client });
  const differences = [];
  const same = (what, one, other) => {
    if (!isDeepStrictEqual(one, other)) differences.push(`${what}: the page has ${JSON.stringify(one)}, the library ${JSON.stringify(other)}`);
  };
  same("now", it.now, said.now);
  for (const [list, rows] of Object.entries(said.lists)) same(`count of ${list}`, it.counts[list], rows.length);
  same("rows", it.rows, said.lists[it.list].slice(0, it.rows.length));
  same("all rows are there", it.rows.length, Math.min(said.lists[it.list].length, Math.max(40, it.rows.length)));
  same("invoice of the practice", it.invoice, said.invoice);
  if (said.client) for (const key of Object.keys(said.client)) same(key, it.card?.[key], said.client[key]);
  return differences;
}

// ── Walking ──────────────────────────────────────────────────────────────────────────────────────

const NAMES = ["Aspen & Sons", "Ünïcode Ærø", "<b>Bold</b> & Co", "北風 Tea", "x".repeat(201), "Maple", "  Spaces  "];
const EMAILS = ["new{}@example.com", "New{}@Example.COM", "bonjour@cafe-ebene.example.org", "not an address", "press{}@pomegranate.example.com", "grüße{}@example.org"];
const PRACTICES = ["your-practice", "second-firm", "third-firm", "somebody-new"];

/** Fill in the form that is open, at random. */
async function fillIn(page, random, step) {
  let email = null;
  for (const group of await page.$$("dialog .radios")) {
    const radios = await group.$$("input");
    if (random.next() < 0.9) await random.of(radios).check();
  }
  for (const box of await page.$$('dialog input[type="checkbox"]')) if (random.next() < 0.5) await box.check();
  for (const select of await page.$$("dialog select")) {
    if (!await select.isVisible()) continue;
    const values = await select.$$eval("option", (options) => options.map(({ value }) => value));
    await select.selectOption(random.of(values));
  }
  for (const input of await page.$$('dialog input[type="text"], dialog textarea, dialog input[type="date"]')) {
    if (!await input.isVisible()) continue;
    const name = await input.getAttribute("name");
    if (name === "business_name") await input.fill(random.of(NAMES));
    else if (name === "email") {
      email = random.of(EMAILS).replace("{}", `${step}${random.below(50)}`);
      if (random.next() < 0.8) await input.fill(email);
    } else if (name === "confirm_email") await input.fill(random.next() < 0.8 ? email : "other@example.com");
    else if (name === "practice_id") await input.fill(random.of(PRACTICES));
    else if (name.endsWith("accounts_start")) await input.fill(random.next() < 0.3 ? "2026-04-06" : "");
    else if (random.next() < 0.3) await input.fill(random.of(["GB 123 4567 89", "Ada", "1 High Street"]));
  }
}

/** Answer the dialog that is open; return the differences from what the library says. */
async function answerDialog(page, random, library, step) {
  const differences = [];
  for (let turn = 0; turn < 4 && await page.isVisible("dialog"); turn += 1) {
    if (await page.isVisible("dialog form.command")) {
      await fillIn(page, random, step);
      await page.click("dialog .main");
      await settled(page);
      const { link } = await seen(page);
      const ask = await page.evaluate(async () => (await import(new URL("app.js", location.href))).page.asked);
      const said = await library.ask({ link, ask });
      const shown = await page.evaluate(() => {
        const refused = document.querySelector("dialog [data-refusal]");
        if (refused) return { outcome: "refused", code: refused.dataset.refusal };
        if (document.querySelector("dialog form.command")) return { outcome: "invalid" };
        return {
          outcome: "accepted",
          told: document.querySelectorAll("dialog .told li").length,
          for_good: [...document.querySelectorAll("dialog .for-good li")].map((item) => item.textContent),
        };
      });
      if (said.outcome === "accepted" && await page.isVisible("dialog .note")) shown.told = said.told;
      if (!isDeepStrictEqual(shown, said)) differences.push(`asked ${JSON.stringify(ask)}: the page has ${JSON.stringify(shown)}, the library ${JSON.stringify(said)}`);
      if (shown.outcome === "invalid") await page.click("dialog .close");
    } else if (await page.isVisible("dialog [data-do]") && random.next() < 0.95) {
      await page.click("dialog [data-do]");
    } else if (await page.isVisible("dialog [data-way]") && random.next() < 0.7) {
      await page.click("dialog [data-way] >> nth=0");
    } else {
      await page.click("dialog .close");
    }
    await settled(page);
  }
  if (await page.isVisible("dialog")) await page.click("dialog .close");
  return differences;
}

const MOVES = [
  [8, async (page, random) => {
    const offers = await page.$$("[data-offer]:visible");
    if (offers.length) await random.of(offers).click();
  }],
  [3, async (page, random) => {
    const links = await page.$$("#actions [data-way]:visible");
    if (links.length) await random.of(links).click();
  }],
  [3, async (page, random) => page.click(`#tab-${random.of(["practice", "client", "platform"])}`)],
  [3, async (page, random) => {
    const rows = await page.$$('[data-rows="rows"] .row');
    if (rows.length) await random.of(rows).click();
  }],
  [2, async (page, random) => page.click(`[data-list="${random.of(["active", "inactive", "imported", "closed"])}"]`)],
  [1, async (page, random) => page.fill("#search", random.of(["", "", "a", "CAFÉ", "example.org", "  lo ", "zz"]))],
  [1, async (page, random) => page.click(`[data-days="${random.of(["1", "7", "30"])}"]`)],
  [1, async (page, random) => page.click(random.of(["#undo:enabled", '[data-new="add_client"]']), { timeout: 300 }).catch(() => {})],
  [1, async (page, random) => page.click(`[data-new="${random.of(["add_client", "import_client", "register_customer"])}"]`)],
  [1, async (page, random) => {
    const ids = await page.$$eval("#practice option", (options) => options.map(({ value }) => value));
    await page.selectOption("#practice", random.of(ids));
  }],
  [2, async (page, random) => {
    await page.click("#tab-notices");
    const letters = await page.$$("[data-notice]");
    if (!letters.length) return;
    await random.of(letters).click();
    const frame = await (await page.$("iframe.paper")).contentFrame();
    await frame.waitForLoadState();
    const link = await frame.$('a[href^="https://portal.example.com"]');
    if (link) await link.click();
  }],
  [1, async (page) => { if (await page.isVisible('[data-key="to-deadline"]')) await page.click('[data-key="to-deadline"]'); }],
];
const WEIGHTED = MOVES.flatMap(([weight, move]) => Array(weight).fill(move));

/** Walk from the beginning; return the differences that were found. */
export async function walk(page, library, seed, steps) {
  const random = chance(seed);
  const differences = [];
  await page.click("#restart");
  await settled(page);
  // Each walk looks at a client of its own.
  await page.click(`[data-list="${random.of(["active", "inactive", "imported"])}"]`);
  await settled(page);
  await random.of(await page.$$('[data-rows="rows"] .row')).click();
  await settled(page);
  for (let step = 0; step < steps; step += 1) {
    await random.of(WEIGHTED)(page, random);
    await settled(page);
    differences.push(...await answerDialog(page, random, library, step));
    await settled(page);
    differences.push(...(await compare(page, library)).map((each) => `walk ${seed}, step ${step}: ${each}`));
  }
  return differences;
}
