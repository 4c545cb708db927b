// The dialogs: the form of a command, the check-your-information step, and the Python.

import { reason } from "./actions.js";
import { ask, say, take } from "./app.js";
import { h } from "./dom.js";

const dialog = () => document.getElementById("dialog");

function open(title, ...content) {
  const it = dialog();
  it.className = "";
  it.replaceChildren(
    h("div", { class: "top" }, h("h2", { id: "dialog-title", tabindex: "-1" }, title),
      h("button", { type: "button", class: "quiet close", "aria-label": "Close", onclick: () => it.close() }, "✕")),
    ...content.flat().filter(Boolean));
  if (!it.open) it.showModal();
  it.scrollTop = 0;
}

// ── Commands ─────────────────────────────────────────────────────────────────────────────────────

/** Begin a command: its form, or at once the step that checks it. */
export async function openCommand(page, command, by, client, filled = null) {
  const asked = (body) => ({ command, by, practice: page.view.lists.practice, client, body });
  const described = await ask("form", { command, client });
  if (!described.fields.length) return openCheck(page, await ask("ask", { ask: asked({}) }));
  const form = h("form", { novalidate: true, class: "command" },
    h("p", { class: "hint" }, described.description),
    described.fields.map((field) => control(field)),
    described.fields.some(({ kind }) => kind === "services") ? h("p", { class: "cost", role: "status" }) : null,
    h("div", { class: "problems", role: "alert" }),
    h("div", { class: "buttons" },
      h("button", { type: "button", class: "quiet", onclick: () => dialog().close() }, "Cancel"),
      h("button", { type: "submit", class: "main" }, "Continue")));
  if (filled) refill(form, filled);
  connectSetup(form, described.fields);
  form.addEventListener("input", () => total(form));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const values = keep(form);
    const checked = await ask("ask", { ask: asked(bodyOf(described.fields, form)) });
    if (checked.outcome === "invalid") return showProblems(form, checked.errors);
    return openCheck(page, checked, () => openCommand(page, command, by, client, values));
  });
  open(described.label, form);
  (form.querySelector("input:not([type=radio]), select, textarea") ?? form.querySelector("input")).focus();
  return total(form);
}

// ── Fields ───────────────────────────────────────────────────────────────────────────────────────

const idOf = (path) => `field-${path.replaceAll(".", "-")}`;

function control(field, path = field.path) {
  const { kind, label, required, value, longest } = field;
  const id = idOf(path);
  const shared = { id, name: path, "data-path": path, maxlength: longest, "aria-describedby": `${id}-problem` };
  const problem = h("p", { class: "problem", id: `${id}-problem` });
  const optional = required ? null : h("span", { class: "optional" }, "optional");
  if (kind === "group") {
    return h("fieldset", { "data-group": path }, h("legend", {}, label, optional),
      field.fields.map((each) => control(each, `${path}.${each.name}`)));
  }
  if (kind === "services") {
    return h("fieldset", { "data-path": path }, h("legend", {}, label), problem, field.services.map((service) => {
      const box = h("input", { type: "checkbox", name: `service:${service.value}`, "data-needs": service.needs_setup });
      return h("div", { class: "service" }, h("label", { class: "tick" }, box, h("span", {}, service.label), h("span", { class: "price" }, service.price)),
        service.needs_setup
          ? h("div", { class: "setup", "data-setup": service.value, hidden: true },
            field.fields.map((each) => control(each, `${path}.${service.value}.${each.name}`)))
          : null);
    }));
  }
  if (kind === "choice" && field.options.length <= 3) {
    return h("fieldset", { "data-path": path }, h("legend", {}, label, optional),
      h("div", { class: "radios" }, field.options.map((option) =>
        h("label", { class: "tick" },
          h("input", { type: "radio", name: path, value: option.value, checked: option.value === value }),
          h("span", {}, option.label)))), problem);
  }
  return h("div", { class: "field" }, h("label", { for: id }, label, optional), input(field, shared), problem);
}

function input({ kind, options, services, value, required }, shared) {
  if (kind === "choice") {
    return h("select", shared, required ? null : h("option", { value: "" }, "—"), options.map((option) =>
      h("option", { value: option.value, selected: option.value === value }, option.label)));
  }
  if (kind === "service") {
    return h("select", shared, services.map((service) =>
      h("option", { value: service.value, "data-needs": service.needs_setup },
        `${service.label}, ${service.price} a month${service.held ? " (has it)" : ""}`)));
  }
  if (kind === "lines") return h("textarea", { ...shared, rows: "3", value: value ?? "" });
  if (kind === "suggested") {
    const list = `${shared.id}-list`;
    return [h("input", { ...shared, type: "text", list, value: value ?? "", autocomplete: "off" }),
      h("datalist", { id: list }, options.map((option) => h("option", { value: option.value }, option.label)))];
  }
  const type = kind === "date" ? "date" : "text";
  return h("input", {
    ...shared, type, value: value ?? "", autocomplete: "off", spellcheck: "false",
    inputmode: kind === "email" ? "email" : null,
  });
}

/** Show the setup of a service only where it needs one. */
function connectSetup(form, fields) {
  const update = () => {
    for (const part of form.querySelectorAll("[data-setup]")) {
      part.hidden = !form.elements[`service:${part.dataset.setup}`].checked;
    }
    const group = form.querySelector('[data-group="setup"]');
    if (group) group.hidden = !("needs" in form.elements.service.selectedOptions[0].dataset);
  };
  if (fields.some(({ kind }) => kind === "services" || kind === "service")) {
    form.addEventListener("input", update);
    update();
  }
}

async function total(form) {
  const place = form.querySelector(".cost");
  if (!place) return;
  const services = [...form.querySelectorAll('[name^="service:"]:checked')].map(({ name }) => name.slice(8));
  const { total: sum } = await ask("total", { services });
  place.textContent = `In all ${sum} a month.`;
}

/** Return what the form holds, as the schema wants it: what is empty is left out. */
function bodyOf(fields, form) {
  const body = {};
  for (const field of fields) {
    const value = valueOf(field, form, field.path);
    if (value !== undefined) body[field.name] = value;
  }
  return body;
}

function valueOf(field, form, path) {
  if (field.kind === "group") {
    const group = form.querySelector(`[data-group="${path}"]`);
    if (group.hidden) return undefined;
    return Object.fromEntries(field.fields
      .map((each) => [each.name, valueOf(each, form, `${path}.${each.name}`)])
      .filter(([, value]) => value !== undefined));
  }
  if (field.kind === "services") {
    const chosen = field.services.filter(({ value }) => form.elements[`service:${value}`].checked);
    return Object.fromEntries(chosen.map(({ value, needs_setup: needs }) => [value, needs
      ? Object.fromEntries(field.fields
        .map((each) => [each.name, valueOf(each, form, `${path}.${value}.${each.name}`)])
        .filter(([, inner]) => inner !== undefined))
      : null]));
  }
  const value = form.elements[path]?.value ?? "";
  return value === "" ? undefined : value;
}

const keep = (form) => [...form.elements].filter(({ name }) => name).map(({ name, value, checked, type }) => ({ name, value, checked, type }));

function refill(form, values) {
  values.forEach(({ name, value, checked, type }) => {
    for (const element of form.elements) {
      if (element.name !== name) continue;
      if (type === "checkbox" || type === "radio") {
        if (element.value === value) element.checked = checked;
      } else element.value = value;
    }
  });
}

function showProblems(form, errors) {
  for (const place of form.querySelectorAll(".problem")) place.textContent = "";
  for (const element of form.elements) element.removeAttribute("aria-invalid");
  const rest = [];
  let first = null;
  for (const { field, detail } of errors) {
    const place = form.querySelector(`#${CSS.escape(`${idOf(field)}-problem`)}`);
    const element = form.elements[field];
    if (!place) rest.push(`${field} ${detail}`);
    else place.textContent = sentence(detail);
    if (element instanceof HTMLElement) {
      element.setAttribute("aria-invalid", "true");
      first ??= element;
    } else if (element) first ??= element[0];
  }
  form.querySelector(".problems").textContent = rest.map((each) => sentence(each)).join(" ");
  (first ?? form.querySelector("input, select"))?.focus();
}

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

// ── Checking ─────────────────────────────────────────────────────────────────────────────────────

/** Show what a command would do, and let it be done. */
export function openCheck(page, checked, back = null) {
  const again = h("button", { type: "button", class: "quiet", onclick: () => (back ? back() : dialog().close()) }, back ? "Back" : "Cancel");
  if (checked.outcome === "invalid") {
    return open("This cannot be read", h("p", {}, checked.errors.map(({ field, detail }) => sentence(`${field} ${detail}`.trim())).join(" ")), h("div", { class: "buttons" }, again));
  }
  if (checked.outcome === "refused") {
    open(checked.label,
      h("div", { class: "answer no", "data-refusal": checked.refusal.code }, h("p", {}, h("strong", {}, "Refused. "), "Nothing has changed."), reason(checked.refusal)),
      h("div", { class: "buttons" }, again));
    return dialog().querySelector("h2").focus();
  }
  const { changes, cost, told, for_good: forGood } = checked;
  const yes = h("button", {
    type: "button", class: "main", "data-do": checked.command,
    onclick: async () => {
      dialog().close();
      await take(checked);
    },
  }, checked.label);
  open("Check your information",
    h("p", { class: "hint" }, `${checked.by}: ${checked.label.toLowerCase()}, ${checked.name || "a client"}.`),
    checked.nothing
      ? h("p", { class: "note" }, "It is so already: nothing will change.")
      : [
        part("What changes", comparison(changes)),
        part("What it costs", cost.length ? comparison(cost) : h("p", { class: "hint" }, "No invoice changes.")),
        part("Who is told", told.length
          ? h("ul", { class: "told" }, told.map(({ to, what }) => h("li", {}, h("strong", {}, to.includes("@") ? to : capital(to)), ": ", what)))
          : h("p", { class: "hint" }, "Nobody.")),
        forGood.length ? h("div", { class: "for-good" }, h("h3", {}, "This cannot be undone"), h("ul", {}, forGood.map((each) => h("li", {}, each)))) : null,
      ],
    h("div", { class: "buttons" }, again, yes));
  return yes.focus();
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const part = (title, content) => h("section", {}, h("h3", {}, title), content);

function comparison(rows) {
  return h("table", { class: "comparison" },
    h("thead", { class: "unseen" }, h("tr", {}, ["What", "Now", "After"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, rows.map(({ name, before, after }) =>
      h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "was" }, before || "—"), h("td", {}, h("span", { "aria-hidden": "true" }, "→ "), after || "—")))));
}

// ── Python ───────────────────────────────────────────────────────────────────────────────────────

export function openPython({ python }) {
  const code = h("pre", { class: "code", tabindex: "0", "aria-label": "Python" }, highlighted(python));
  const file = URL.createObjectURL(new Blob([python], { type: "text/x-python" }));
  open("The same in Python",
    h("p", { class: "hint" }, "The calls so far, from the tour's practice on. With the library installed, this runs as it stands."),
    code,
    h("div", { class: "buttons" },
      h("a", { class: "button quiet", href: file, download: "playground.py" }, "Download"),
      h("button", {
        type: "button", class: "main",
        onclick: async () => {
          await navigator.clipboard?.writeText(python).catch(() => {});
          say("Copied.");
        },
      }, "Copy")));
  dialog().className = "wide";
  code.scrollTop = code.scrollHeight;
}

const TOKENS = /("""[\s\S]*?"""|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(#.*)|\b(from|import|lambda|None|True|False|as)\b/g;

function highlighted(python) {
  const parts = [];
  let end = 0;
  for (const found of python.matchAll(TOKENS)) {
    parts.push(python.slice(end, found.index));
    parts.push(h("span", { class: found[1] ? "str" : found[2] ? "comment" : "word" }, found[0]));
    end = found.index + found[0].length;
  }
  return [...parts, python.slice(end)];
}
