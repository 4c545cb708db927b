// The middle: the client that was clicked.

import { goTo, moveTo } from "./app.js";
import { h } from "./dom.js";
import { lifecycle } from "./lifecycle.js";

export function card(page) {
  const client = page.view.client;
  if (!client) {
    return h("div", { class: "loading" },
      h("h2", {}, "Choose a client"),
      h("p", {}, "Everything here is answered by the library, in this page. Choose a client from a list: ",
        "you then see what can be done with it, by whom, and why not."),
      h("p", { class: "hint" }, "Nothing can be broken: every step can be undone."));
  }
  return [
    h("div", { class: "head" },
      h("div", {},
        h("h2", { "data-field": "name" }, client.name),
        h("p", { class: "hint" }, `${client.kind}, ${client.source}`)),
      h("span", { class: `badge ${client.status}`, "data-field": "label" }, client.label)),
    client.hidden ? h("p", { class: "note" }, client.hidden) : null,
    h("dl", { class: "facts" },
      fact("Who pays", h("span", { "data-field": "payer" }, capital(client.payer_words)),
        client.payer
          ? h("span", { class: `tag ${client.settled ? "settled" : ""}`, "data-field": "settled" },
            client.settled ? "Settled for good" : "Can still be changed")
          : null),
      fact("Practice", client.practice ?? "None",
        client.invited ? h("span", { class: "tag" }, `Invites ${client.invited}`) : null),
      fact("Address", client.email
        ? client.mailto ? h("a", { href: client.mailto }, client.email) : client.email
        : h("span", { class: "hint" }, "None: it is found by its name")),
      fact("Contact", contact(client.contact)),
      fact("Activation", h("span", { class: `tag ${client.activation.state}` }, capital(client.activation.state)),
        h("span", { class: "hint", "data-field": "activation" }, client.activation.text)),
      client.direct_debit ? fact("Direct debit", client.direct_debit.text) : null,
      client.deadline
        ? fact("Deadline", `${client.deadline.what}: ${day(client.deadline.at)} `,
          h("button", { type: "button", class: "link", "data-key": "to-deadline", onclick: () => moveTo(client.deadline.at) },
            "Go to that moment"))
        : null),
    services(client),
    client.advice.length
      ? h("details", { class: "advice" }, h("summary", {}, "The activation email does not arrive?"),
        h("ol", {}, client.advice.map((step) => h("li", {}, wayOut(step)))))
      : null,
    h("h3", {}, "Where it is in its life"),
    lifecycle(page.fixed, client),
  ];
}

function fact(name, ...value) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

function contact({ name, phone, address }) {
  const parts = [name, phone, address.replaceAll("\n", ", ")].filter(Boolean);
  return parts.length ? parts.join(" · ") : h("span", { class: "hint" }, "None");
}

function services(client) {
  if (!client.services.length) return [h("h3", {}, "Services"), h("p", { class: "hint" }, "None.")];
  return [
    h("h3", {}, "Services"),
    h("table", { class: "services" },
      h("thead", { class: "unseen" }, h("tr", {}, h("th", { scope: "col" }, "Service"), h("th", { scope: "col" }, "A month"))),
      h("tbody", {}, client.services.map(({ code, name, price, setup }) =>
        h("tr", { "data-service": code }, h("th", { scope: "row" }, name, setup ? h("span", { class: "hint" }, setup) : null), h("td", {}, price)))),
      h("tfoot", {}, h("tr", {}, h("th", { scope: "row" }, "A month"), h("td", { "data-field": "total" }, client.total)))),
  ];
}

/** Return a way out: a link where it leads to a command. */
export function wayOut({ sentence, command, by }) {
  if (!command) return h("span", {}, sentence);
  return h("a", {
    href: `#${by}-${command}`, "data-way": `${by}-${command}`,
    onclick: (event) => {
      event.preventDefault();
      goTo(command, by);
    },
  }, sentence);
}

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

const DAY = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short", timeZone: "UTC" });
const day = (moment) => `${DAY.format(new Date(moment))} UTC`;
