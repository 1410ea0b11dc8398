// Runs a tool's JavaScript where it can do no harm: `src/browser/tool_sandbox.rs` loads it. The code runs in a worker, made by a frame without
// an origin (`src/server/tool_frame.rs`); this is the side of the page, which enforces time and size. docs/decisions/tool-sandbox.md says
// what each part is against.
import { script } from "./worker";

/** What the page asks, as JSON; `inputs` is the text of a JSON object. A limit may lower the 30 seconds. */
type Ask = { code: string; inputs: string; hosts: string[]; limit?: number };

/** What a run gave: the text of a JSON value, or a sentence why there is none; and what the code printed. */
type Ran = { outputs?: string; error?: string; console: string[]; millis: number };

/** What the frame passes on: the first thing that the worker said, or how it failed. */
type Passed = { said?: unknown; fault?: string };

const LIMIT = 30_000;
/** A frame is there in less, or not at all. */
const LOADING = 10_000;
const MAX_CODE = 256 * 1024;
const MAX_INPUTS = 1024 * 1024;
const MAX_OUTPUTS = 1024 * 1024;
const LINES = 200;
const LINE = 2_000;

/** One function for all that is asked, with JSON in and out: what calls it is in the first load. An error has a sentence for the person. */
export async function ask(text: string): Promise<string> {
  const { code, inputs, hosts, limit } = JSON.parse(text) as Ask;
  if (code.length > MAX_CODE) throw new Error("The tool's code is longer than 256 KB, so it was not run. Shorten it.");
  if (inputs.length > MAX_INPUTS) throw new Error("The inputs are longer than 1 MB, so the tool was not run. Give it less.");
  return JSON.stringify(await run(code, parsed(inputs), hosts, Math.min(limit ?? LIMIT, LIMIT)));
}

function parsed(inputs: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(inputs);
  } catch {
    throw new Error("The inputs are not JSON. Correct them and run the tool again.");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("The inputs have to be a JSON object, such as {\"amount\": 1}.");
  return value;
}

async function run(code: string, inputs: unknown, hosts: string[], limit: number): Promise<Ran> {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-scripts");
  frame.hidden = true;
  frame.title = "A tool that runs";
  frame.src = `/frames/tool?${hosts.map((host) => `host=${encodeURIComponent(host)}`).join("&")}`;
  const { port1: here, port2: there } = new MessageChannel();
  let clock: ReturnType<typeof setTimeout> | undefined;
  let started = 0;
  try {
    const passed = await new Promise<Passed | undefined>((done) => {
      clock = setTimeout(done, LOADING);
      here.onmessage = (event) => done(event.data as Passed);
      frame.onload = () => {
        // Another document in the frame gets nothing.
        frame.onload = () => done(undefined);
        clearTimeout(clock);
        clock = setTimeout(done, limit);
        started = performance.now();
        // It has no origin that could be named.
        frame.contentWindow?.postMessage({ script: script(code), inputs: JSON.stringify(inputs) }, "*", [there]);
      };
      document.body.append(frame);
    });
    const millis = started ? Math.round(performance.now() - started) : 0;
    if (!started) return { error: "The tool's frame could not be loaded. Check the connection and the declared hosts, then try again.", console: [], millis };
    if (!passed) return { error: `The tool was ended: it ran longer than ${limit / 1000} seconds.`, console: [], millis };
    return { ...understood(passed), millis };
  } finally {
    // With the frame goes its worker.
    clearTimeout(clock);
    here.close();
    frame.remove();
  }
}

/** The code may have said anything in the place of what ours says. */
function understood({ said, fault }: Passed): Omit<Ran, "millis"> {
  const failed = (error: string, console: string[] = []) => ({ error, console });
  if (fault !== undefined) return failed(fault ? `The tool does not run: ${fault.slice(0, LINE)}` : "The tool ended without an answer.");
  const { outputs, error, lines } = (typeof said === "object" && said !== null ? said : {}) as Record<string, unknown>;
  const printed = (Array.isArray(lines) ? lines : []).slice(0, LINES).map((line) => String(line).slice(0, LINE));
  if (typeof error === "string") return failed(error.slice(0, LINE), printed);
  if (typeof outputs !== "string") return failed("The tool's outputs are no JSON. Let main return a value that can be written as JSON.", printed);
  if (outputs.length > MAX_OUTPUTS) return failed("The tool's outputs are longer than 1 MB. Let it return less.", printed);
  try {
    JSON.parse(outputs);
  } catch {
    return failed("The tool's outputs are no JSON. Let main return a value that can be written as JSON.", printed);
  }
  return { outputs, console: printed };
}
