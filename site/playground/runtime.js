// The library in the page: a worker that is asked, and answers.

/** Whether this browser can run it. */
export const CAN_RUN = typeof WebAssembly === "object" && typeof Worker === "function";

export class Runtime {
  #worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  #waiting = new Map();
  #asked = 0;

  /**
   * @param {(progress: {part: number, doing: string, megabytes: number}) => void} onProgress
   *   is called while the runtime loads.
   */
  constructor(onProgress = () => {}) {
    this.ready = new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }) => {
        if ("progress" in data) onProgress(data.progress);
        else if ("ready" in data) resolve(data.ready);
        else if ("failed" in data) reject(new Error(data.failed));
        else this.#settle(data);
      };
      this.#worker.onerror = (event) => reject(new Error(event.message || "it did not load"));
    });
  }

  /** Whether every question is answered. */
  get idle() {
    return this.#waiting.size === 0;
  }

  #settle({ id, answer }) {
    this.#waiting.get(id)(JSON.parse(answer));
    this.#waiting.delete(id);
  }

  #send(message) {
    const id = (this.#asked += 1);
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#worker.postMessage({ id, ...message });
    });
  }

  /** Ask the bridge. Its questions are those of `playground/__init__.py`. */
  ask(name, given) {
    return this.#send({ question: JSON.stringify([name, given]) });
  }

  /** Run Python, and return what it printed. The blocks of one page share their names. */
  run(page, code) {
    return this.#send({ run: { page, code } });
  }
}
