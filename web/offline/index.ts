// The page's side of search on the device: `src/browser/offline.rs` loads it, when somebody has asked for it.
import { LOST } from "../sw/names";
import type { Act, Call, Progress, Said, Standing } from "./messages";

declare const WORKER: string;

/** Compared with the server again after so long. */
const FRESH = 5 * 60_000;
/** A page that was just opened has better things to do. */
const LATER = 4_000;

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
  tell?(progress: Progress): void;
}

let worker: Worker | undefined;
/** Somebody wanted no more of it. */
let stopped = false;
let calls = 0;
const waiting = new Map<number, Waiting>();

function start(): Worker {
  const worker = new Worker(WORKER, { type: "module" });
  worker.addEventListener("message", ({ data }: MessageEvent<Said>) => {
    const call = waiting.get(data.number);
    if ("progress" in data) return call?.tell?.(data.progress);
    waiting.delete(data.number);
    if ("failure" in data) call?.reject(new Error(data.failure));
    else call?.resolve(data.answer);
  });
  // The script itself could not be loaded, or the engine ended: the next call begins anew.
  worker.addEventListener("error", end);
  return worker;
}

function end(): void {
  worker?.terminate();
  worker = undefined;
  for (const call of waiting.values()) call.reject(new Error("Search on this device ended. Load the page again."));
  waiting.clear();
}

function call<T>(act: Act, tell?: (progress: Progress) => void): Promise<T> {
  worker ??= start();
  const number = ++calls;
  const message: Call = { ...act, number };
  worker.postMessage(message);
  return new Promise((resolve, reject) => waiting.set(number, { resolve: resolve as (answer: unknown) => void, reject, tell }));
}

/** What pages ask; `about` is the path of a question, else whose documents are kept here. The empty text is none. */
export async function ask(what: "answer" | "standing" | "stop" | "forget" | "follow", account: string, about: string): Promise<string> {
  switch (what) {
    case "answer":
      return (await call<string | undefined>({ act: "ask", user: account, path: about }).catch(() => undefined)) ?? "";
    case "standing": {
      const standing = account === about ? await stands(account) : undefined;
      return standing ? JSON.stringify(standing) : "";
    }
    case "stop":
      stopped = true;
      if (worker) void call({ act: "stop" });
      return "";
    case "forget":
      await call({ act: "forget" });
      end();
      return "";
    case "follow":
      if (account === about) {
        follow(account);
        return account;
      }
      await ask("forget", account, about);
      localStorage.removeItem("llmos-offline");
      return "";
  }
}

/** Brings the device in step with the server; `tell` hears how far it is (stage, done, total). */
export async function sync(account: string, tell: (stage: string, done: number, total: number) => void): Promise<void> {
  stopped = false;
  try {
    await call({ act: "sync", user: account }, ({ stage, done, total }) => tell(stage, done, total));
  } catch (error) {
    // Nothing had arrived: then it is not wanted any more.
    if (stopped && !(await stands(account))) localStorage.removeItem("llmos-offline");
    throw error;
  }
  // Kept as long as there is room for other things too.
  void navigator.storage?.persist?.().catch(() => false);
}

const stands = (account: string) => call<Standing | undefined>({ act: "standing", user: account }).catch(() => undefined);

/** From now on the device follows the server by itself: soon, and whenever the network comes back. */
function follow(account: string): void {
  const look = async () => {
    const standing = await stands(account);
    // Nobody pays for it by the megabyte.
    if (!navigator.onLine || navigator.connection?.saveData) return;
    // None: it was asked for, and the page was left before it was here.
    if (!standing || Math.abs(Date.now() - standing.at) > FRESH) await call({ act: "sync", user: account }).catch(() => undefined);
  };
  const lost = async () => {
    if (!sessionStorage.getItem(LOST) || !(await stands(account))) return;
    await call({ act: "sync", user: account });
    sessionStorage.removeItem(LOST);
  };
  addEventListener(LOST, () => void lost().catch(() => undefined));
  void lost().catch(() => undefined);
  setTimeout(() => void look(), LATER);
  setInterval(() => void look(), FRESH);
  addEventListener("online", () => void look());
  // The first answer waits for the model otherwise.
  addEventListener("offline", () => void ask("answer", account, "/search/suggest?q="));
}
