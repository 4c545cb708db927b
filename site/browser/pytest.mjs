// `make pyodide-tests`: runs the tests of the core in the runtime of the playground, under Node.
//
// What a browser has no processes, threads or sockets for is left out: databases, the command line,
// the wheel, and each test that runs an event loop of its own (`asyncio.run`).

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadPyodide } from "pyodide";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CORE = [
  "test_values.py", "test_client.py", "test_machines.py", "test_rules.py", "test_refusals.py", "test_service.py",
  "test_lists.py", "test_paging.py", "test_sign_in.py", "test_consequences.py", "test_billing.py", "test_deadlines.py",
  "test_notices.py", "test_texts.py", "test_history.py", "test_erasing.py", "test_outbox.py", "test_observing.py",
  "test_wire.py", "test_links.py", "test_batch.py", "test_batch_again.py", "test_batch_hostile.py",
  "testing/test_strategies.py", "testing/test_machine.py", "testing/test_failures.py", "test_playground.py",
];

const chosen = process.argv.slice(2);
const python = await loadPyodide();
const failed = (problem) => { console.error(String(problem).slice(-2000)); process.exit(1); };
python.unpackArchive(new Uint8Array(readFileSync(`${ROOT}build/pyodide-tests.zip`)), "zip", { extractDir: "/packages" });
python.FS.mkdir("/repo");
python.mountNodeFS("/repo", ROOT);
python.globals.set("chosen", python.toPy((chosen.length ? chosen : CORE).map((name) => `tests/${name}`)));
process.exitCode = await python.runPythonAsync(`
import os, sys
sys.path[:0] = ["/packages"]
os.chdir("/repo")
sys.dont_write_bytecode = True
import pytest
int(pytest.main(["-q", "--no-header", "--tb=line", "-p", "no:cacheprovider", "-p", "no:faulthandler", *chosen]))
`).catch(failed);
