// Puts a button on each Python block of a page of the documentation, which runs it in the page.
//
// A page includes it with <script type="module" src="…/playground/run-blocks.js"></script>. The
// runtime is loaded at the first click. The blocks of a page share their names, so those before the
// one that is clicked run first.

import { CAN_RUN, Runtime } from "./runtime.js";

const STYLE = `
.run-block { position: relative; }
.run-block > button {
  font: 600 0.75rem/1 system-ui, sans-serif; padding: 0.4rem 0.7rem; margin: 0.35rem 0 0; cursor: pointer; border-radius: 6px;
  border: 1px solid var(--color-brand-primary, #2757dd); background: transparent; color: var(--color-brand-content, #2757dd);
}
.run-block > button:hover:enabled { background: var(--color-brand-primary, #2757dd); color: var(--color-background-primary, #fff); }
.run-block > button:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
.run-block > button:disabled { opacity: 0.65; cursor: default; }
.run-block > output { display: block; }
.run-block > output pre {
  margin: 0.5rem 0 1rem; padding: 0.7rem 0.9rem; white-space: pre-wrap; overflow-wrap: anywhere; font-size: var(--code-font-size, 0.85rem);
  border-left: 3px solid var(--color-brand-primary, #2757dd); background: var(--color-code-background, #f3f5f9); color: var(--color-code-foreground, inherit);
}
.run-block > output .error { border-color: #c0392b; }
.run-block > output p { font-size: 0.85rem; margin: 0.4rem 0; }
`;

let runtime = null;
const blocks = [];

function start(onProgress) {
  runtime ??= new Runtime(onProgress);
  return runtime.ready;
}

function addButton(block) {
  const frame = document.createElement("div");
  const button = document.createElement("button");
  const output = document.createElement("output");
  frame.className = "run-block";
  button.type = "button";
  button.textContent = "Run";
  block.replaceWith(frame);
  frame.append(block, button, output);
  const it = { code: block.querySelector("pre").textContent, button, output, ran: false };
  blocks.push(it);
  button.addEventListener("click", () => run(it));
}

async function run(chosen) {
  chosen.button.disabled = true;
  try {
    await start(({ part, doing }) => note(chosen, `${doing}: ${Math.round(part * 100)} %`));
    const first = blocks.findIndex((block) => !block.ran);
    const last = blocks.indexOf(chosen);
    for (const block of chosen.ran ? [chosen] : blocks.slice(first, last + 1)) await runOne(block);
  } catch (problem) {
    note(chosen, `Python cannot run here: ${problem.message}.`);
  }
  chosen.button.disabled = false;
}

async function runOne(block) {
  const { printed, error } = await runtime.run(location.pathname, block.code);
  block.ran = true;
  block.button.textContent = "Run again";
  block.output.replaceChildren();
  if (printed) show(block, printed, "printed");
  if (error) show(block, error, "error");
  if (!printed && !error) note(block, "It ran, and printed nothing.");
}

function show({ output }, text, kind) {
  const pre = document.createElement("pre");
  pre.className = kind;
  pre.textContent = text;
  output.append(pre);
}

function note({ output }, text) {
  const words = document.createElement("p");
  words.textContent = text;
  output.replaceChildren(words);
}

if (CAN_RUN) {
  const style = document.createElement("style");
  style.textContent = STYLE;
  document.head.append(style);
  for (const block of document.querySelectorAll("div.highlight-python")) addButton(block);
}
