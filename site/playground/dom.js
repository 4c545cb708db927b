// Making elements, and putting them into the page without losing the focus.

/**
 * Return an element. Properties that begin with "on" are listeners; null and false are left out.
 * Children are elements, text, or lists of them.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

const SVG = "http://www.w3.org/2000/svg";

/** Return an element of SVG. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  append(element, children);
  return element;
}

/** Replace what is in an element. The focus stays on the element that has the same `data-key`. */
export function fill(element, ...children) {
  const active = document.activeElement;
  const key = element.contains(active) ? active.closest("[data-key]")?.dataset.key : null;
  const caret = key && "selectionStart" in active ? active.selectionStart : null;
  element.replaceChildren();
  append(element, children);
  if (!key) return;
  const again = element.querySelector(`[data-key="${CSS.escape(key)}"]`) ?? element;
  again.focus({ preventScroll: true });
  if (caret !== null && again.setSelectionRange && again.type !== "email") {
    again.setSelectionRange(caret, caret);
  }
}

/** Return tabs: buttons that show one of some panels, moved along with the arrow keys. */
export function tabs(label, chosen, items, onChoose) {
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": label });
  const panels = items.map(({ id, content }) =>
    h("div", { role: "tabpanel", id: `panel-${id}`, "aria-labelledby": `tab-${id}`, hidden: id !== chosen },
      content));
  const buttons = items.map(({ id, name, count }) =>
    h("button", {
      type: "button", role: "tab", id: `tab-${id}`, "data-key": `tab-${id}`, "data-tab": id,
      "aria-controls": `panel-${id}`,
      "aria-selected": String(id === chosen), tabindex: id === chosen ? "0" : "-1",
      onclick: () => choose(id),
    }, name, count === undefined ? null : h("span", { class: "count" }, String(count))));
  function choose(id) {
    items.forEach((item, index) => {
      const it = item.id === id;
      buttons[index].setAttribute("aria-selected", String(it));
      buttons[index].tabIndex = it ? 0 : -1;
      panels[index].hidden = !it;
    });
    onChoose(id);
  }
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const now = buttons.indexOf(document.activeElement);
    const next = buttons[(now + step + buttons.length) % buttons.length];
    event.preventDefault();
    next.focus();
    next.click();
  });
  append(list, buttons);
  return [list, panels];
}
