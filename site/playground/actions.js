// The right side: everything that can be done, by whom, and why the rest cannot.

import { start } from "./app.js";
import { wayOut } from "./card.js";
import { h, tabs } from "./dom.js";

const ACTORS = { practice: "Practice", client: "Client", platform: "Customer Services" };

export function actions(page) {
  const client = page.view.client;
  if (!client) {
    return [h("h2", {}, "What can be done"), h("p", { class: "hint" }, "Choose a client first.")];
  }
  const items = Object.entries(ACTORS).map(([by, name]) => {
    const all = client.actions[by];
    const offered = all.filter((each) => !each.refusal);
    const refused = all.filter((each) => each.refusal && !each.elsewhere);
    const others = all.filter((each) => each.elsewhere);
    return {
      id: by, name, count: offered.length,
      content: [
        offered.length
          ? h("ul", { class: "offered" }, offered.map((each) => h("li", {}, offer(by, each, client.id))))
          : h("p", { class: "hint" }, "Nothing now."),
        refused.length ? h("h3", {}, "Not now") : null,
        h("ul", { class: "refused" }, refused.map((each) => refused_(by, each))),
        others.length
          ? h("details", {}, h("summary", {}, "Not for ", name === "Customer Services" ? name : `the ${name.toLowerCase()}`, h("span", { class: "count" }, String(others.length))),
            h("ul", { class: "refused" }, others.map((each) => refused_(by, each))))
          : null,
      ],
    };
  });
  return [h("h2", {}, "What can be done"), tabs("Who acts", page.by, items, (by) => { page.by = by; })];
}

function offer(by, { command, label }, client) {
  const followed = command === "activate";
  return h("button", {
    type: "button", class: "offer", id: `${by}-${command}`, "data-key": `${by}-${command}`, "data-offer": `${by}-${command}`,
    onclick: () => (followed ? document.getElementById("tab-notices").click() : start(command, by, client)),
  }, label, h("span", { class: "hint" }, followed ? "by the link in the email" : ""));
}

function refused_(by, { command, label, refusal }) {
  return h("li", { class: "off", id: `${by}-${command}`, tabindex: "-1", "data-refused": `${by}-${command}`, "data-code": refusal.code },
    h("span", { class: "rule" }, `${refusal.rule} · ${refusal.code}`),
    h("span", { class: "what" }, label),
    why(refusal));
}

/** Return why something is refused, and what helps. */
export function reason(refusal) {
  return [why(refusal), h("p", { class: "rule" }, `${refusal.rule} · ${refusal.code}`)];
}

function why(refusal) {
  return h("div", { class: "reason" },
    h("p", { class: "message" }, refusal.message),
    refusal.ways_out.length
      ? h("ul", { class: "ways" }, refusal.ways_out.map((step) => h("li", {}, wayOut(step))))
      : null);
}
