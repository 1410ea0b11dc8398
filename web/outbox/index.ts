// The outbox as pages see it: what somebody did without a network, or before the server answered, is kept here until the server has it. `src/browser/outbox.rs`
// loads it when a page stands, or when something is to be sent.
import { around, channel, type Channel, SYNC } from "./browser";
import { type Change, exported, isUnsent, mayEdit, newKey, verdictOf, type Wish } from "./change";
import { type Note, Outbox } from "./lead";
import { send } from "./replay";
import { forget, inMemory, isFull, open } from "./store";

/** What pages ask, as JSON. */
type Ask =
  | { act: "add"; account: string; wish: Wish; wait: boolean }
  | { act: "retry" | "discard"; key: string }
  | { act: "edit"; key: string; body: string }
  | { act: "waits"; path: string }
  | { act: "run" | "export" | "leave" };

/** What became of a wish while the page waited. `text`: the server's answer, or its error. */
interface Outcome {
  state: "done" | "waiting" | "refused";
  text: string;
}

/** A page waits so long, in milliseconds, before it says that the change waits. */
const WAIT = 8_000;
/** The list is told to the page no more often than that, in milliseconds; a long one less often: so much later for each that waits. */
const OFTEN = 60;
const LONGER = 2;

let box: { account: string; outbox: Promise<Outbox>; channel: Channel } | undefined;
let told: ((what: string, text: string) => void) | undefined;
const listeners = new Set<(note: Note) => void>();

/** One function for all that is asked, with JSON in and out. An error has a sentence for the person. */
export async function ask(text: string): Promise<string> {
  const asked = JSON.parse(text) as Ask;
  if (asked.act === "add") return JSON.stringify(await add(asked));
  const outbox = await box?.outbox;
  // Nobody is known here: there is nothing to send, and none to lose.
  if (!outbox) return asked.act === "export" || asked.act === "leave" ? "0" : "true";
  switch (asked.act) {
    case "retry":
      await outbox.retry(asked.key);
      return "true";
    case "discard":
      await outbox.discard(asked.key);
      return "true";
    case "edit":
      if (!(await outbox.edit(asked.key, asked.body))) throw new Error("It is on its way already. Look at what arrived, and change it there.");
      return "true";
    case "waits":
      return JSON.stringify((await outbox.store.all()).some((change) => isUnsent(change) && change.path === asked.path));
    case "run":
      outbox.kick(true);
      return "true";
    case "export":
      return JSON.stringify(await save(outbox));
    case "leave":
      return JSON.stringify(await leave());
  }
}

/**
 * Begins, for the account that opened the page. `hears` gets `count` (how many wait, and how many of them need somebody), `list` (what waits, as JSON), `clock` (milliseconds that the server's is ahead) and `heard` (what became of a
 * change).
 */
export function start(account: string, hears: (what: string, text: string) => void): void {
  told = hears;
  const { outbox } = begin(account);
  void outbox.then(list);
  void followClock().catch(() => undefined);
}

const CLOCK = "llmos-clock";
/** Below that, in milliseconds, a device's clock is right. */
const EXACT = 5 * 60_000;
const DAY = 86_400_000;

/** How far the server's clock is ahead, for the ids that this device makes: asked once a day, and remembered for when there is no network. */
async function followClock(): Promise<void> {
  const known = JSON.parse(localStorage.getItem(CLOCK) ?? "{}") as { ahead?: number; day?: number };
  if (known.ahead) told?.("clock", String(known.ahead));
  const day = Math.floor(Date.now() / DAY);
  if (known.day === day || !navigator.onLine) return;
  const answer = await fetch("/healthz", { method: "HEAD", cache: "no-store" });
  const ahead = Date.parse(answer.headers.get("date") ?? "") - Date.now();
  if (!answer.ok || Number.isNaN(ahead)) return;
  const off = Math.abs(ahead) < EXACT ? 0 : ahead;
  localStorage.setItem(CLOCK, JSON.stringify({ ahead: off, day }));
  told?.("clock", String(off));
}

function begin(account: string): { outbox: Promise<Outbox> } {
  if (box?.account === account) return box;
  void box?.outbox.then((before) => before.close());
  box?.channel.close();
  const line = channel(account, (note) => void made.then((outbox) => outbox.hear(note)));
  const made = (async () => {
    const store = await open(account).catch(inMemory);
    const browser = around(account, line);
    // What only this page has, only this page can send.
    const lock = store.lasts ? browser.lock : async (_: string, act: () => Promise<void>) => (await act(), true);
    const outbox = new Outbox(store, { ...browser, lock, tell, left });
    await takeFormer(account, outbox).catch(() => undefined);
    outbox.start();
    // Also when it is not this tab's turn: one that should send and sleeps is found out.
    outbox.kick(true);
    return outbox;
  })();
  box = { account, outbox: made, channel: line };
  return box;
}

const again = () => void box?.outbox.then((outbox) => outbox.kick(true));
addEventListener("online", again);
addEventListener("focus", again);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") again();
  // The page may be gone the next moment.
  else if (known) void askForSync();
});
// Where the browser keeps nothing, what waits ends with the page. Only then there is such a listener: it keeps pages out of the back and forward cache.
let unkept = false;
const stay = (event: Event) => event.preventDefault();

function guard(now: boolean): void {
  if (now === unkept) return;
  unkept = now;
  if (now) addEventListener("beforeunload", stay);
  else removeEventListener("beforeunload", stay);
}

function tell(note: Note): void {
  for (const listener of listeners) listener(note);
  if (note.note === "heard") told?.("heard", JSON.stringify({ key: note.key, objects: note.objects, label: note.label, what: note.what, text: note.text }));
  void box?.outbox.then(list);
}

/** What waits shorter than that, in milliseconds, is not worth saying: it is on its way. */
const MOMENT = 900;
let counted = 0;
let counting: ReturnType<typeof setTimeout> | undefined;

function count(changes: readonly Change[]): void {
  clearTimeout(counting);
  const unsent = changes.filter(isUnsent).length;
  const say = () => told?.("count", `${(counted = unsent)} ${changes.filter((change) => change.state !== "waiting").length}`);
  if (counted || !unsent) say();
  else counting = setTimeout(say, MOMENT);
}

let listing = false;
/** How many waited when it was looked last. */
let known = 0;

/** Tells the page what waits; not for each of a thousand that go out one after another. */
function list(outbox: Outbox): void {
  if (listing) return;
  listing = true;
  setTimeout(() => {
    listing = false;
    void (async () => {
      const changes = await outbox.store.all();
      guard(!outbox.store.lasts && changes.some(isUnsent));
      known = changes.filter(isUnsent).length;
      count(changes);
      told?.("list", JSON.stringify({ lasts: outbox.store.lasts, changes: changes.map((change) => ({ ...change, editable: mayEdit(change) })) }));
    })().catch(() => undefined);
  }, OFTEN + LONGER * known);
}

async function add({ account, wish, wait }: Extract<Ask, { act: "add" }>): Promise<Outcome> {
  const outbox = await begin(account).outbox;
  const heard = listen();
  try {
    let kept: Change;
    try {
      kept = await outbox.add(wish);
    } catch (error) {
      return await unkeepable(account, outbox, wish, error);
    }
    if (!wait) return { state: "waiting", text: "" };
    const outcome = await heard.of(kept.key);
    // Whoever waits shows it where it was written, so it does not stand here as well.
    if (outcome.state === "refused") await outbox.discard(kept.key).catch(() => undefined);
    return outcome;
  } finally {
    heard.end();
  }
}

/** What is heard while a page waits for one change. It listens from before the change is there: the answer may come at once. */
function listen() {
  const outcomes = new Map<string, Outcome>();
  let look: () => void = () => undefined;
  let over = false;
  const listener = (note: Note) => {
    if (note.note === "heard") {
      const state = note.what === "done" ? "done" : note.what === "refused" || note.what === "conflict" ? "refused" : "waiting";
      outcomes.set(note.key, { state, text: note.text });
    } else if (note.note === "ended") over = note.what !== "empty";
    look();
  };
  listeners.add(listener);
  return {
    of: (key: string) =>
      new Promise<Outcome>((done) => {
        const waiting: Outcome = { state: "waiting", text: "" };
        look = () => {
          const outcome = outcomes.get(key) ?? (over ? waiting : undefined);
          if (outcome) done(outcome);
        };
        look();
        setTimeout(() => done(outcomes.get(key) ?? waiting), WAIT);
      }),
    end: () => void listeners.delete(listener),
  };
}

/** There is no room to keep it. If nothing of the same object waits it can go at once; else the person has it still, and hears why. */
async function unkeepable(account: string, outbox: Outbox, wish: Wish, error: unknown): Promise<Outcome> {
  const before = await outbox.store.all().catch(() => []);
  if (!before.some((change) => change.objects.some((object) => wish.objects.includes(object)))) {
    const answer = await send(account, { ...wish, seq: 0, key: newKey(), at: 0, state: "waiting", error: "", tries: 1 });
    const verdict = verdictOf(answer);
    if (verdict.what === "done") return { state: "done", text: answer?.text ?? "" };
    if (verdict.what === "refused" || verdict.what === "conflict") return { state: "refused", text: answer?.text ?? "" };
  }
  throw new Error(
    isFull(error)
      ? "There is no room on this device, so this was not kept. Remove something in the browser's settings for this site, or wait for the network, and send it again."
      : "The browser did not keep this, and the server cannot be reached. Leave the page open and send it again.",
  );
}

/** Messages that an earlier version of the page kept in another place. Their ids make sure that each arrives once. */
async function takeFormer(account: string, outbox: Outbox): Promise<void> {
  const prefix = `outbox:${account}:`;
  for (const name of Object.keys(localStorage).filter((name) => name.startsWith(prefix))) {
    const session = name.slice(prefix.length);
    const messages = JSON.parse(localStorage.getItem(name) ?? "[]") as unknown[];
    for (const message of messages)
      await outbox.add({ objects: [`session:${session}`], method: "POST", path: `/sessions/${session}/messages`, body: JSON.stringify(message), label: "Message", merge: "", holds: false });
    localStorage.removeItem(name);
  }
}

/** A browser that believes to be online starts a sync at once: asked for after each failure, it would never end. */
const ASKS = 60_000;
let asked = -ASKS;

function left(): void {
  if (performance.now() - asked < ASKS) return;
  asked = performance.now();
  void askForSync();
}

/** The worker sends what waits when there is a network, if the browser can tell it: the page may be closed by then. */
async function askForSync(): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration("/").catch(() => undefined);
  await registration?.sync?.register(SYNC).catch(() => undefined);
}

/** Gives what waits as a file. */
async function save(outbox: Outbox): Promise<number> {
  const changes = await outbox.store.all();
  const address = URL.createObjectURL(new Blob([exported(changes)], { type: "application/json" }));
  const link = document.createElement("a");
  [link.href, link.download] = [address, "llmos-unsent-changes.json"];
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  return changes.filter(isUnsent).length;
}

/** Somebody signs out: what is unsent stays for when they sign in again, and nothing else does. How many those are. */
async function leave(): Promise<number> {
  if (!box) return 0;
  const { account, outbox, channel } = box;
  const { store } = await outbox;
  const unsent = (await store.all()).filter(isUnsent).length;
  (await outbox).close();
  channel.close();
  box = undefined;
  if (!unsent) await forget(account).catch(() => undefined);
  return unsent;
}
