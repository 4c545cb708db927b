// The left side: a practice's lists, as an accountant sees them.

import { choose, show, start } from "./app.js";
import { h } from "./dom.js";

export function lists(page) {
  const { lists: shown, practices, new: ways } = page.view;
  const look = async (change) => {
    Object.assign(page.look, change);
    await show();
  };
  return [
    h("div", { class: "whose" },
      h("label", { for: "practice" }, "Practice"),
      h("select", {
        id: "practice", "data-key": "practice",
        onchange: ({ target }) => look({ practice: target.value, rows: 40 }),
      }, practices.map(({ id, name }) =>
        h("option", { value: id, selected: id === shown.practice }, name)))),
    h("div", { class: "search" },
      h("label", { for: "search", class: "unseen" }, "Search by name or address"),
      h("input", {
        id: "search", "data-key": "search", type: "search", value: page.look.search,
        placeholder: "Search by name or address", autocomplete: "off", spellcheck: "false", maxlength: "1000",
        oninput: ({ target }) => look({ search: target.value, rows: 40 }),
      })),
    h("div", { class: "choices", role: "group", "aria-label": "Lists" },
      shown.tabs.map(({ id, name, count }) =>
        h("button", {
          type: "button", "data-key": `list-${id}`, "data-list": id, "aria-pressed": String(id === shown.list),
          onclick: () => look({ list: id, rows: 40 }),
        }, name, h("span", { class: "count" }, String(count))))),
    shown.problem ? h("p", { class: "trouble" }, `The search text ${shown.problem}.`) : null,
    rows("rows", shown.rows, page),
    shown.rows.length === 0 ? h("p", { class: "hint empty" }, "No clients here.") : null,
    shown.more
      ? h("button", { type: "button", class: "quiet wide", "data-key": "more", onclick: () => look({ rows: page.look.rows + 100 }) },
        `${shown.more} more`)
      : null,
    h("div", { class: "new" }, ways.map(({ command, label, by }) =>
      h("button", {
        type: "button", class: "quiet wide", "data-key": `new-${command}`, "data-new": command,
        onclick: () => start(command, by, null),
      }, `${by === "platform" ? "Customer Services: " : ""}${label}`))),
    shown.elsewhere.length
      ? h("details", { class: "elsewhere", open: page.look.elsewhere, ontoggle: ({ target }) => { page.look.elsewhere = target.open; } },
        h("summary", { "data-key": "elsewhere" }, "On no list", h("span", { class: "count" }, String(shown.elsewhere.length))),
        h("p", { class: "hint" }, "Clients without a practice, and deleted ones. Only Customer Services see them."),
        rows("elsewhere", shown.elsewhere, page))
      : null,
  ];
}

function rows(name, clients, page) {
  return h("ul", { class: "rows", "data-rows": name }, clients.map((client) =>
    h("li", {}, h("button", {
      type: "button", class: "row", "data-key": `client-${client.id}`, "data-client": client.id,
      "aria-current": client.id === page.look.client ? "true" : null,
      onclick: () => choose(client.id),
    },
      h("span", { class: `dot ${client.status}`, "aria-hidden": "true" }),
      h("span", { class: "name" }, client.name),
      h("span", { class: "label" }, client.label)))));
}
