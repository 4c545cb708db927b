// The runtime: Pyodide in a worker, so that the page stays awake while it loads and works.
//
// It answers messages {id, question} with {id, answer}, and {id, run: {page, code}} with
// {id, ran}. While it loads, it says {progress: {part, whole, doing}}, and then {ready: seconds}.

const began = performance.now();
const here = new URL("./", import.meta.url);
let loaded = 0;
let whole = 1;

/** Count the bytes of everything that is fetched from here on. */
function count(fetch) {
  return async (...request) => {
    const response = await fetch(...request);
    if (!response.ok || !response.body) return response;
    const counter = new TransformStream({
      transform(chunk, controller) {
        loaded += chunk.byteLength;
        say("Loading Python");
        controller.enqueue(chunk);
      },
    });
    const { status, headers } = response;
    return new Response(response.body.pipeThrough(counter), { status, headers });
  };
}

let said = 0;
function say(doing) {
  const part = Math.min(loaded / whole, 1);
  if (part - said > 0.01 || doing !== "Loading Python") {
    said = part;
    postMessage({ progress: { part, doing, megabytes: whole / 1e6 } });
  }
}

async function load() {
  const described = await fetch(new URL("sizes.json", here));
  if (!described.ok) throw new Error("Python is not beside this page; `make playground` puts it there");
  const sizes = await described.json();
  whole = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  self.fetch = count(self.fetch.bind(self));
  const packages = fetch(new URL("packages.zip", here)).then((response) => response.arrayBuffer());
  const { loadPyodide } = await import(new URL("pyodide/pyodide.mjs", here));
  const python = await loadPyodide({ indexURL: new URL("pyodide/", here).href });
  say("Starting the library");
  python.unpackArchive(await packages, "zip", { extractDir: "/packages" });
  python.runPython("import sys; sys.path.insert(0, '/packages')");
  const bridge = python.pyimport("playground");
  postMessage({ ready: (performance.now() - began) / 1000 });
  return bridge;
}

const bridge = load();
bridge.catch((problem) => postMessage({ failed: problem.message }));

self.onmessage = async ({ data }) => {
  const { answer, run } = await bridge;
  if ("question" in data) postMessage({ id: data.id, answer: answer(data.question) });
  else postMessage({ id: data.id, answer: run(JSON.stringify(data.run)) });
};
