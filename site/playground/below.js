// Below: what happened, what was sent, what it costs, and how the client would sign in.

import { choose, follow } from "./app.js";
import { reason } from "./actions.js";
import { h, tabs } from "./dom.js";

export function below(page) {
  const { client } = page.view;
  const items = client
    ? [
      { id: "history", name: "History", count: client.history.length, content: history_(client) },
      { id: "notices", name: "Notices", count: client.notices.length, content: notices(page, client) },
      { id: "invoices", name: "Invoices", content: invoices(page) },
      { id: "signin", name: "Sign-in", content: signIn(client) },
    ]
    : [{ id: "invoices", name: "Invoices", content: invoices(page) }];
  const chosen = items.some(({ id }) => id === page.tab) ? page.tab : "invoices";
  return tabs("What happened", chosen, items, (tab) => { page.tab = tab; });
}

// ── History ──────────────────────────────────────────────────────────────────────────────────────

function history_(client) {
  return h("ol", { class: "events", reversed: true }, [...client.history].reverse().map((event) =>
    h("li", { "data-event": event.event },
      h("span", { class: "when" }, event.at),
      h("span", { class: `who ${event.by.toLowerCase()}` }, event.by),
      h("span", { class: "happened" }, event.what),
      h("code", {}, event.event))));
}

// ── Notices ──────────────────────────────────────────────────────────────────────────────────────

function notices(page, client) {
  if (!client.notices.length) return h("p", { class: "hint" }, "Nothing has been sent about this client.");
  const newest = client.notices.toSorted((one, other) => other.moment.localeCompare(one.moment));
  const open = newest.find(({ id }) => id === page.notice) ?? newest[0];
  const letter = h("div", { class: "letter" });
  const showLetter = (notice) => {
    page.notice = notice.id;
    for (const button of list.querySelectorAll("button")) {
      button.setAttribute("aria-current", String(button.dataset.notice === notice.id));
    }
    letter.replaceChildren(...content(notice));
  };
  const list = h("ul", { class: "mailbox" }, newest.map((notice) =>
    h("li", {}, h("button", {
      type: "button", "data-notice": notice.id, "data-key": `notice-${notice.id}`, "aria-current": "false",
      onclick: () => showLetter(notice),
    },
      h("span", { class: "subject" }, notice.subject),
      h("span", { class: "hint" }, `To ${notice.to}`),
      h("span", { class: "hint" }, notice.at)))));
  showLetter(open);
  return h("div", { class: "mail" }, list, letter);
}

function content(notice) {
  return [
    h("div", { class: "letter-head" },
      h("h3", {}, notice.subject),
      h("p", { class: "hint" }, `${notice.by_email ? "Email to" : "Message to"} ${notice.to} · ${notice.at}`)),
    frame(notice.html, notice.subject),
    h("details", {}, h("summary", {}, "Plain text"), h("pre", {}, notice.text)),
  ];
}

/**
 * Return a frame with the HTML of a notice, whose links are followed here.
 *
 * The frame has the policy of this page, which forbids every script in it. A sandbox without scripts
 * would keep Safari from saying that a link was clicked.
 */
function frame(html, title) {
  const inner = h("iframe", { title, srcdoc: page_(html), class: "paper" });
  inner.addEventListener("load", () => {
    const { documentElement: root } = inner.contentDocument;
    const fit = () => { inner.style.height = `${Math.max(120, root.scrollHeight + 4)}px`; };
    fit();
    new ResizeObserver(fit).observe(root);
    inner.contentDocument.addEventListener("click", (event) => {
      const link = event.target.closest?.("a[href]");
      if (!link) return;
      event.preventDefault();
      follow(link.href);
    });
  });
  return inner;
}

/** Return a fragment as a page; an email is one already. */
function page_(html) {
  if (/^\s*<!doctype/i.test(html)) return html;
  return `<!doctype html><meta charset="utf-8"><style>:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:16px}</style>${html}`;
}

// ── Invoices ─────────────────────────────────────────────────────────────────────────────────────

function invoices({ view }) {
  const practice = view.practices.find(({ id }) => id === view.lists.practice)?.name ?? view.lists.practice;
  return h("div", { class: "two" },
    h("div", {}, h("h3", {}, `Next invoice of ${practice}`), invoice(view.invoice, "practice", (line) =>
      h("button", { type: "button", class: "link", onclick: () => choose(line.client) }, line.name))),
    view.client?.invoice
      ? h("div", {}, h("h3", {}, `Next invoice of ${view.client.name}`), invoice(view.client.invoice, "client"))
      : null);
}

function invoice({ lines, total }, whose, name = null) {
  if (!lines.length) return h("p", { class: "hint", "data-invoice": whose, "data-total": total }, "Nothing to pay.");
  return h("table", { class: "invoice", "data-invoice": whose, "data-total": total },
    h("thead", {}, h("tr", {}, name ? h("th", { scope: "col" }, "Client") : null, h("th", { scope: "col" }, "Service"), h("th", { scope: "col", class: "amount" }, "A month"))),
    h("tbody", {}, lines.map((line) =>
      h("tr", {}, name ? h("td", {}, name(line)) : null, h("td", {}, line.service), h("td", { class: "amount" }, line.price)))),
    h("tfoot", {}, h("tr", {}, name ? h("td", {}) : null, h("th", { scope: "row" }, "Total"), h("td", { class: "amount" }, total))));
}

// ── Sign-in ──────────────────────────────────────────────────────────────────────────────────────

function signIn(client) {
  const { allowed, refusal, prompts } = client.sign_in;
  const opened = client.openings.client.services;
  return h("div", { class: "two" },
    h("div", { class: "door", "data-sign-in": allowed ? "allowed" : refusal.code },
      h("h3", {}, "As the client meets it"),
      h("p", { class: "fake" }, client.email ?? "(no address)"),
      h("p", { class: "fake", "aria-label": "a password" }, "••••••••••"),
      allowed
        ? h("div", { class: "answer yes" }, h("p", {}, h("strong", {}, "Signed in.")),
          opened.length ? h("ul", { class: "tiles" }, opened.map((each) => h("li", {}, h("strong", {}, each.name), h("span", { class: "hint" }, each.capabilities.join(" · "))))) : h("p", { class: "hint" }, "There is nothing to open."))
        : h("div", { class: "answer no" }, h("p", {}, h("strong", {}, "Not signed in.")), reason(refusal)),
      prompts.map((prompt) => h("div", { class: "prompt" }, h("strong", {}, prompt.subject), h("pre", {}, prompt.text)))),
    h("div", {},
      h("h3", {}, "Who can open its data"),
      h("dl", { class: "facts" }, Object.entries({ practice: "The practice", client: "The client", platform: "Customer Services" }).map(([by, name]) =>
        h("div", { "data-opening": by }, h("dt", {}, name), h("dd", {}, opening(client.openings[by])))))));
}

function opening({ services, refusal }) {
  return refusal ? reason(refusal) : services.map(({ name }) => name).join(", ");
}
