// The playground: what has happened, where the page looks, and what a click does.
//
// The library answers everything that is shown; nothing is decided here. All that has happened is in
// `state`, which the bridge turns into the link of this page and back.

import { actions } from "./actions.js";
import { below } from "./below.js";
import { card } from "./card.js";
import { openCheck, openCommand, openPython } from "./dialogs.js";
import { fill, h } from "./dom.js";
import { lists } from "./lists.js";
import { CAN_RUN, Runtime } from "./runtime.js";

const at = (id) => document.getElementById(id);

export const page = {
  runtime: null,
  state: null,
  fixed: null,
  view: null,
  look: { practice: null, list: "active", search: "", rows: 40, client: null },
  by: "practice",
  tab: "history",
  notice: null,
  asked: null,
};

// ── Asking ───────────────────────────────────────────────────────────────────────────────────────

/** Ask the bridge about the present state. */
export function ask(name, given = {}) {
  page.asked = given.ask ?? page.asked;
  return page.runtime.ask(name, { state: page.state, ...given });
}

/** Show the present state. */
export async function show() {
  const view = await ask("show", { look: page.look });
  page.view = view;
  page.look.practice ??= view.lists.practice;
  if (page.look.client && !view.client) page.look.client = null;
  const parameters = new URLSearchParams({ practice: view.lists.practice });
  if (page.look.client) parameters.set("client", page.look.client);
  if (view.steps || page.state.begin !== "tour") parameters.set("s", view.link);
  history.replaceState(null, "", `#${parameters}`);
  draw();
}

function draw() {
  const { view } = page;
  const clock = at("now");
  if (document.activeElement !== clock) clock.value = view.now.slice(0, 16);
  at("undo").disabled = view.steps === 0;
  fill(at("lists"), lists(page));
  fill(at("card"), card(page));
  fill(at("actions"), actions(page));
  fill(at("below"), below(page));
  document.title = `${view.client ? `${view.client.name} · ` : ""}Playground · client_access`;
  at("page").dataset.version = String(Number(at("page").dataset.version ?? 0) + 1);
}

/** Say something to the person, also to one who listens. */
export function say(text) {
  const said = at("said");
  said.textContent = text;
  said.classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => said.classList.remove("shown"), 4000);
}

// ── Doing ────────────────────────────────────────────────────────────────────────────────────────

/** Let a command happen that was checked, and show the client that it is about. */
export async function take(checked) {
  page.state.steps.push([page.view.now, checked.record]);
  page.look.client = checked.client;
  page.notice = null;
  await show();
  const moved = page.view.client?.list;
  if (moved && moved !== page.look.list) {
    page.look.list = moved; // the list follows the client
    await show();
  }
  say(checked.nothing ? "Done: nothing had to change." : `Done: ${checked.label.toLowerCase()}.`);
}

/** Choose a client. */
export async function choose(client) {
  page.look.client = client;
  page.notice = null;
  await show();
  at("card").focus({ preventScroll: window.innerWidth > 700 });
}

/** Go to a command, and begin it if it can be given: a way out. */
export function goTo(command, by) {
  page.by = by;
  at("dialog").close();
  draw();
  const target = at(`${by}-${command}`);
  target.closest("details")?.setAttribute("open", "");
  target.scrollIntoView({ block: "center" });
  target.focus();
  target.classList.add("found");
  if (target.tagName === "BUTTON") target.click();
}

export const start = (command, by, client) => openCommand(page, command, by, client);
export const follow = async (url) => openCheck(page, await ask("follow", { url }));

async function moveClock(moment) {
  page.state.steps.push([moment, null]);
  await show();
  say(`It is now ${moment.slice(0, 10)}, ${moment.slice(11, 16)} UTC.`);
}

function later(days) {
  const moment = new Date(page.view.now);
  moment.setUTCDate(moment.getUTCDate() + days);
  return moveClock(moment.toISOString().replace(/\.\d+Z$/, "+00:00"));
}
export const moveTo = (moment) => moveClock(moment);

function listen() {
  at("now").addEventListener("change", ({ target }) => {
    if (target.value && target.checkValidity()) moveClock(`${target.value}:00+00:00`);
  });
  for (const button of document.querySelectorAll("[data-days]")) {
    button.addEventListener("click", () => later(Number(button.dataset.days)));
  }
  at("undo").addEventListener("click", async () => {
    page.state.steps.pop();
    await show();
    say("The last step is undone.");
  });
  at("restart").addEventListener("click", async () => {
    Object.assign(page.look, { practice: null, list: "active", search: "", client: null });
    Object.assign(page, { by: "practice", notice: null });
    await open({ begin: "tour" });
    say("Back at the beginning.");
  });
  at("share").addEventListener("click", async () => {
    await navigator.clipboard?.writeText(location.href).catch(() => {});
    say("The link of this page has everything that happened. It is copied.");
  });
  at("python").addEventListener("click", async () => openPython(await ask("python")));
}

// ── Beginning ────────────────────────────────────────────────────────────────────────────────────

async function open(given) {
  const opened = await page.runtime.ask("open", given);
  if (opened.unreadable) return false;
  page.state = opened.state;
  page.fixed = { statuses: opened.statuses, edges: opened.edges };
  page.look.client ??= await first();
  await show();
  return true;
}

/** Return the client with which a page begins that no link names one for. */
async function first() {
  const { lists } = await ask("show", { look: page.look });
  return lists.rows[0]?.id ?? null;
}

async function begin() {
  if (!CAN_RUN) throw new Error("this browser has no WebAssembly");
  page.runtime = new Runtime(({ part, doing, megabytes }) => {
    at("progress").value = part;
    at("doing").textContent =
      part < 0.99 ? `${doing}: ${(part * megabytes).toFixed(1)} of ${megabytes.toFixed(1)} MB.` : `${doing} …`;
  });
  await page.runtime.ready;
  const given = new URLSearchParams(location.hash.slice(1));
  page.look.practice = given.get("practice");
  page.look.client = given.get("client");
  const readable = await open({ link: given.get("s") });
  if (!readable) {
    page.look.practice = page.look.client = null;
    await open({ begin: "tour" });
    say("This link was made for another version of the playground. Here is the beginning.");
  }
  for (const control of document.querySelectorAll(".bar [disabled]:not(#undo)")) control.disabled = false;
  at("page").setAttribute("aria-busy", "false");
  performance.mark("usable");
}

document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "auto";
listen();
begin().catch((problem) => {
  at("page").setAttribute("aria-busy", "false");
  fill(at("card"), h("div", { class: "loading" },
    h("h2", {}, "The library cannot run here"),
    h("p", {}, `The reason: ${problem.message}. It needs WebAssembly and module workers, which a browser of 2023 or later has. `,
      "The ", h("a", { href: "../index.html" }, "documentation"), " needs neither, and ",
      h("code", {}, "make tour"), " shows the same in a terminal.")));
});
