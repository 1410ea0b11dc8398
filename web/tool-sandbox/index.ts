// Runs a tool's JavaScript where it can do no harm: `src/browser/tool_sandbox.rs` loads it. The code runs in a worker, made by a frame without
// an origin (`src/server/tool_frame.rs`); this is the side of the page, which enforces time and size. docs/decisions/tool-sandbox.md says
// what each part is against.
import { script } from "./worker";

/** What the page asks, as JSON; `inputs` is the text of a JSON object. `id` is by what the run is stopped. A limit may lower the 30 seconds. */
type Ask = { code: string; inputs: string; hosts: string[]; id?: number; limit?: number };

/** The same of ending a run: it answers at once, with a sentence in the place of outputs. */
type Stop = { stop: number };

/** What a run gave: the text of a JSON value, or a sentence why there is none; and what the code printed. */
type Ran = { outputs?: string; error?: string; console: string[]; millis: number };

/** What the frame passes on: that it has begun, then the first thing that the worker said, or how it failed. */
type Passed = { begun?: true; said?: string; fault?: string };

/** Why there is no answer of the tool's. */
const ENDED = {
  unloaded: () => "The tool's frame could not be loaded. Check the connection and the declared hosts, then try again.",
  late: (limit: number) => `The tool was ended: it ran longer than ${limit / 1000} seconds.`,
  stopped: () => "The tool was stopped.",
};
type Ended = keyof typeof ENDED;

const LIMIT = 30_000;
/** A frame is there in less, or not at all. */
const LOADING = 10_000;
const MAX_CODE = 256 * 1024;
const MAX_INPUTS = 1024 * 1024;
const MAX_OUTPUTS = 1024 * 1024;
const LINES = 200;
const LINE = 2_000;

/** How the runs that have an id are stopped. */
const running = new Map<number, () => void>();

/** One function for all that is asked, with JSON in and out: what calls it is in the first load. An error has a sentence for the person. */
export async function ask(text: string): Promise<string> {
  const asked = JSON.parse(text) as Ask | Stop;
  if ("stop" in asked) {
    running.get(asked.stop)?.();
    return "null";
  }
  const { code, inputs, hosts, id, limit } = asked;
  if (code.length > MAX_CODE) throw new Error("The tool's code is longer than 256 KB, so it was not run. Shorten it.");
  if (inputs.length > MAX_INPUTS) throw new Error("The inputs are longer than 1 MB, so the tool was not run. Give it less.");
  return JSON.stringify(await run(code, parsed(inputs), hosts, id, Math.min(limit ?? LIMIT, LIMIT)));
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

async function run(code: string, inputs: unknown, hosts: string[], id: number | undefined, limit: number): Promise<Ran> {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-scripts");
  frame.hidden = true;
  frame.title = "A tool that runs";
  frame.src = `/frames/tool?${hosts.map((host) => `host=${encodeURIComponent(host)}`).join("&")}`;
  // Nobody but the document of this frame gets the other end, so what comes out of this one is from there.
  const { port1: here, port2: there } = new MessageChannel();
  let clock: ReturnType<typeof setTimeout> | undefined;
  let started: number | undefined;
  try {
    const passed = await new Promise<Passed | Ended>((done) => {
      if (id !== undefined) running.set(id, () => done("stopped"));
      clock = setTimeout(() => done("unloaded"), LOADING);
      here.onmessage = ({ data }: MessageEvent<Passed>) => {
        if (!data.begun) return done(data);
        clearTimeout(clock);
        clock = setTimeout(() => done("late"), limit);
        started = performance.now();
      };
      frame.onload = () => {
        // Another document in the frame gets nothing.
        frame.onload = () => done("unloaded");
        // It has no origin that could be named.
        frame.contentWindow?.postMessage({ script: script(code), inputs: JSON.stringify(inputs) }, "*", [there]);
      };
      document.body.append(frame);
    });
    const millis = started === undefined ? 0 : Math.round(performance.now() - started);
    if (typeof passed === "string") return { error: ENDED[passed](limit), console: [], millis };
    return { ...understood(passed), millis };
  } finally {
    // With the frame goes its worker.
    clearTimeout(clock);
    here.close();
    frame.remove();
    if (id !== undefined) running.delete(id);
  }
}

/** The code may have said anything in the place of what ours says. */
function understood({ said, fault }: Passed): Omit<Ran, "millis"> {
  const failed = (error: string, console: string[] = []) => ({ error, console });
  if (fault !== undefined) return failed(fault ? `The tool does not run: ${fault.slice(0, LINE)}` : "The tool ended without an answer.");
  const answer = read(said);
  const { outputs, error, lines } = (typeof answer === "object" && answer !== null ? answer : {}) as Record<string, unknown>;
  const printed = (Array.isArray(lines) ? lines : []).slice(0, LINES).map((line) => String(line).slice(0, LINE));
  if (typeof error === "string") return failed(error.slice(0, LINE), printed);
  if (typeof outputs !== "string" || read(outputs) === undefined) return failed("The tool's outputs are no JSON. Let main return a value that can be written as JSON.", printed);
  if (outputs.length > MAX_OUTPUTS) return failed("The tool's outputs are longer than 1 MB. Let it return less.", printed);
  return { outputs, console: printed };
}

function read(json: unknown): unknown {
  try {
    return JSON.parse(String(json));
  } catch {
    return undefined;
  }
}
