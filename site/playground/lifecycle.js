// The lifecycle, drawn from the library's own table, with the place of the client lit.

import { h, svg } from "./dom.js";

const WIDTH = 124;
const HEIGHT = 34;
const PLACES = {
  new: [22, 40],
  signed_up: [706, 156],
  inactive: [118, 40],
  awaiting_activation: [318, 40],
  both_access: [518, 40],
  practice_only: [318, 126],
  disabled: [518, 126],
  unmanaged: [706, 83],
  deleted: [118, 212],
  closed: [318, 212],
};
const NAMES = {
  inactive: "Inactive",
  awaiting_activation: "Awaiting activation",
  both_access: "Both have access",
  practice_only: "Practice only",
  disabled: "Disabled",
  unmanaged: "Unmanaged",
  deleted: "Deleted",
  closed: "Closed",
};
/** A customer that signs up by itself begins elsewhere, so that no arrow crosses the drawing. */
const begins = ({ source, dest }) => (source === "new" && dest === "unmanaged" ? "signed_up" : source);
const words = (name) => name.replaceAll("_", " ");

export function lifecycle({ edges }, client) {
  const from = edges.filter((edge) => edge.source === client.status);
  const next = from.map((edge) => `${words(edge.trigger)} leads to ${NAMES[edge.dest].toLowerCase()}`);
  const label = `The client is ${NAMES[client.status].toLowerCase()}. From here, ${next.join("; ") || "nothing leads on"}.`;
  const drawing = svg("svg", { viewBox: "0 0 780 240", role: "img", "aria-label": label, class: "lifecycle" },
    svg("defs", {}, ["", "on"].map((lit) =>
      svg("marker", { id: `arrow${lit}`, class: `tip ${lit}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" },
        svg("path", { d: "M0 0.5 L8 4 L0 7.5 Z" })))));
  for (const [source, dest, names] of pairs(edges)) drawing.append(edge(source, dest, names, client.status));
  for (const start of ["new", "signed_up"]) {
    drawing.append(svg("circle", { cx: PLACES[start][0], cy: PLACES[start][1], r: 6, class: "start" }));
  }
  for (const [status, name] of Object.entries(NAMES)) {
    const [x, y] = PLACES[status];
    const lit = status === client.status ? "now" : client.been.includes(status) ? "been" : "";
    drawing.append(svg("g", { class: `place ${lit}`, "data-status": status },
      svg("rect", { x: x - WIDTH / 2, y: y - HEIGHT / 2, width: WIDTH, height: HEIGHT, rx: 9 }),
      svg("text", { x, y: y + 4 }, name)));
  }
  const [x] = PLACES[client.status];
  const around = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "The lifecycle" }, drawing);
  requestAnimationFrame(() => { around.scrollLeft = (x / 780) * around.scrollWidth - around.clientWidth / 2; });
  return h("figure", { class: "life" }, around,
    h("figcaption", { class: "hint" }, from.length ? ["From here: ", leading(from)] : "Nothing leads on from here."));
}

function leading(edges) {
  return edges.map((edge, index) => [
    index ? " · " : "",
    h("span", {}, `${words(edge.trigger)} → ${NAMES[edge.dest]}`),
    edge.conditions.length ? h("span", { class: "only" }, ` (if ${edge.conditions.join(" and ")})`) : null,
  ]);
}

const isStart = (place) => place === "new" || place === "signed_up";

/** Yield each pair of places with an edge, with the triggers that lead there. */
function pairs(edges) {
  const found = new Map();
  for (const { dest, trigger, source: from } of edges) {
    const source = begins({ source: from, dest });
    const key = `${source} ${dest}`;
    found.set(key, [source, dest, [...(found.get(key)?.[2] ?? []), words(trigger)]]);
  }
  return found.values();
}

function edge(source, dest, names, status) {
  const [a, b] = [PLACES[source], PLACES[dest]];
  // Two that lead there and back lie side by side.
  const length = Math.hypot(b[0] - a[0], b[1] - a[1]);
  const aside = isStart(source) ? 0 : 7;
  const [dx, dy] = [((b[1] - a[1]) / length) * aside, (-(b[0] - a[0]) / length) * aside];
  const start = border([a[0] + dx, a[1] + dy], [b[0] + dx, b[1] + dy], a, isStart(source));
  const end = border([b[0] + dx, b[1] + dy], [a[0] + dx, a[1] + dy], b, false);
  const lit = source === status ? "on" : "";
  return svg("line", {
    x1: start[0], y1: start[1], x2: end[0], y2: end[1], class: `edge ${lit}`, "marker-end": `url(#arrow${lit})`,
  }, svg("title", {}, names.join(", ")));
}

/** Return where the way from one point to another leaves the box around a place. */
function border(from, to, centre, small) {
  const [w, hgt] = small ? [9, 9] : [WIDTH / 2 + 3, HEIGHT / 2 + 3];
  const [vx, vy] = [to[0] - from[0], to[1] - from[1]];
  const reach = (v, offset, half) => (v === 0 ? Infinity : (Math.sign(v) * half - offset) / v);
  const t = Math.min(reach(vx, from[0] - centre[0], w), reach(vy, from[1] - centre[1], hgt));
  return [from[0] + vx * t, from[1] + vy * t];
}
