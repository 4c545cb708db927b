// A worker, as that of the playground: it loads Pyodide, and runs the tests in it.

onmessage = ({ data: { base, chosen } }) => {
  run(base, chosen).then((status) => postMessage({ status }), (problem) => postMessage({ problem: String(problem) }));
};

async function run(base, chosen) {
  const { loadPyodide } = await import(`${base}site/playground/pyodide/pyodide.mjs`);
  const python = await loadPyodide({ indexURL: `${base}site/playground/pyodide/` });
  python._api.on_fatal = (problem) => postMessage({ problem: String(problem) });
  const packed = await (await fetch(`${base}pyodide-tests.zip`)).arrayBuffer();
  python.unpackArchive(packed, "zip", { extractDir: "/" });
  const decoder = new TextDecoder();
  const write = (bytes) => {
    postMessage({ text: decoder.decode(bytes, { stream: true }) });
    return bytes.length;
  };
  python.setStdout({ write });
  python.setStderr({ write });
  python.globals.set("chosen", python.toPy(chosen));
  // With `runPythonAsync`, an event loop can run inside of a function: asyncio.run.
  return await python.runPythonAsync(`
import os, sys
os.chdir("/repository")
sys.path[:0] = ["/packages", "/repository/site/browser"]
import suite
suite.run(chosen)
`);
}
