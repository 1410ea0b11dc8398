// What waits to be sent: its form, which of it may go now, and what an answer means for it. Pure.
import { ACCOUNT } from "../sw/names";

/**
 * `waiting`: it is to be sent. `conflict`: somebody else was faster. `refused`: the server will not have it as it is. `look`: the server has it, and somebody has to
 * look at what came of it; `merge` says where.
 */
export type State = "waiting" | "conflict" | "refused" | "look";

/** What a page wants to have changed. */
export interface Wish {
  /** What it is about, such as `session:ID`: changes that have one of these in common go one after the other, others beside each other. */
  objects: string[];
  method: string;
  /** Below /api/v1. */
  path: string;
  /** JSON; ids of what it makes are in it, so that later changes can name them before the server knows of it. */
  body: string | null;
  /** For people: "Message to Pricing". */
  label: string;
  /** Where a conflict is settled; empty where there is no such page. */
  merge: string;
  /** Whether later changes of its objects build on it: they wait when it was refused. */
  holds: boolean;
  /** It takes the place of the newest change of its objects, if that is the same one and was not sent: of a text that is written on only the last state counts. */
  latest?: boolean;
}

export interface Change extends Wish {
  /** The order in which changes were written. No clock is in it: those of devices may be off by days. */
  seq: number;
  /** The `Idempotency-Key`, a UUIDv7. */
  key: string;
  /** UTC milliseconds by the device's clock; only shown. */
  at: number;
  state: State;
  /** The server's sentence, or why it was not reached; empty before the first try. */
  error: string;
  /** Of a conflict: what is in the way, by id, with a sentence for each. */
  blocked?: Record<string, string>;
  /** How often it was sent. Once it was, it may have arrived: then it is not edited any more, unless it was refused. */
  tries: number;
}

/** Those that may be sent now, in order. `apart`: on their way, or not again for the moment; those behind them wait as well. */
export function ready(changes: readonly Change[], apart: { has(seq: number): boolean }): Change[] {
  const held = new Set<string>();
  const found: Change[] = [];
  for (const change of changes) {
    const waiting = change.state === "waiting";
    if (waiting && !apart.has(change.seq) && !change.objects.some((object) => held.has(object))) found.push(change);
    if (waiting || (change.holds && change.state !== "look")) for (const object of change.objects) held.add(object);
  }
  return found;
}

/** The change whose place a wish takes. */
export function predecessor(changes: readonly Change[], wish: Wish): Change | undefined {
  const same = wish.latest ? changes.filter((change) => change.objects.some((object) => wish.objects.includes(object))) : [];
  const newest = same.at(-1);
  if (newest?.state !== "waiting" || newest.method !== wish.method || newest.path !== wish.path) return undefined;
  // Updates of a document hold all that those before them held, whether they arrived or not.
  return newest.tries === 0 || "update" in parsed(wish.body) ? newest : undefined;
}

/** What is sent then: what a text was made from stays that of the one whose place it takes. */
export function following(before: Change, body: string | null): string {
  const { base, revision } = parsed(before.body);
  return JSON.stringify({ ...parsed(body), ...(base === undefined ? {} : { base, revision }) });
}

function parsed(text: string | null): Record<string, unknown> {
  try {
    const found = JSON.parse(text || "{}") as unknown;
    return found && typeof found === "object" ? (found as Record<string, unknown>) : {};
  } catch {
    // Not JSON: nothing of it is known.
    return {};
  }
}

/** The server does not have it, and did not get it either: it said no, or was not asked. */
export const mayEdit = ({ state, tries }: Change) => state === "refused" || state === "conflict" || (state === "waiting" && tries === 0);

/** Whether the server does not have it. */
export const isUnsent = ({ state }: Change) => state !== "look";

/** What came back for one change. */
export interface Answer {
  status: number;
  headers: { get(name: string): string | null; has(name: string): boolean };
  redirected: boolean;
  text: string;
}

/** Why somebody has to look at what came of a change, and where. */
export interface Look {
  message: string;
  address: string;
}

/**
 * `done`: the server has it. `conflict`, `refused`: with its sentence. `later`: it answered, but not now; others may go on. `pause`: it wants nothing more for a
 * while. `signed-out`, `unreached`: nothing can be sent.
 */
export type Verdict =
  | { what: "done"; look?: Look }
  | { what: "conflict"; error: string; blocked: Record<string, string> }
  | { what: "refused"; error: string }
  | { what: "signed-out"; error: string }
  | { what: "later" | "pause"; error: string; seconds: number }
  | { what: "unreached" };

/** Codes of refusals that pass by themselves: the request ended early, or came too soon. */
const AGAIN = [408, 425];
const TOO_MANY = 429;

/** None: nobody answered. */
export function verdictOf(answer: Answer | undefined): Verdict {
  if (!answer) return { what: "unreached" };
  const { status, headers } = answer;
  // A network's sign-in page with status 200, a gateway's error: our server has not seen the change.
  const foreign = !headers.has(ACCOUNT) || answer.redirected || (headers.get("content-type") ?? "").startsWith("text/html");
  if (foreign || status < 200 || (status >= 300 && status < 400)) return { what: "unreached" };
  if (status < 300) {
    const look = lookOf(answer.text);
    return look ? { what: "done", look } : { what: "done" };
  }
  const error = sentence(answer.text);
  const seconds = Math.max(0, Number(headers.get("retry-after")) || 0);
  if (status === 401) return { what: "signed-out", error };
  if (status === TOO_MANY) return { what: "pause", error, seconds: seconds || 5 };
  // Also 409 with a time: the first request with this key is still running.
  if (status >= 500 || AGAIN.includes(status) || (status === 409 && seconds)) return { what: "later", error, seconds };
  return status === 409 ? { what: "conflict", error, blocked: blockedOf(answer.text) } : { what: "refused", error };
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

/** What the server says that somebody has to look at (`Brought` in `artifacts/model/types.rs`). */
export function lookOf(text: string): Look | undefined {
  const { message, address } = (parsed(text).look ?? {}) as Partial<Look>;
  return isText(message) && isText(address) && /^\/[^/\\]/.test(address) ? { message, address } : undefined;
}

/** What is in the way, by id, out of the server's JSON. */
function blockedOf(text: string): Record<string, string> {
  const fields = parsed(text).fields;
  return Object.fromEntries(Object.entries(fields && typeof fields === "object" ? fields : {}).filter((one): one is [string, string] => isText(one[1])));
}

/** The server's words for people, out of its JSON. */
export function sentence(text: string): string {
  const { message } = parsed(text);
  return isText(message) ? message : "The server did not take it.";
}

const FIRST = 1_000;
const LONGEST = 60_000;

/** Milliseconds before the next pass, after `failed` in a row. `random`, 0..1, keeps devices apart that lost the same network. */
export function pause(failed: number, random: number): number {
  const whole = Math.min(LONGEST, FIRST * 2 ** Math.min(failed, 10));
  return Math.round(whole / 2 + (whole / 2) * random);
}

/** A UUIDv7: unique by its random part alone, whatever the clock says. */
export function newKey(now = Date.now()): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let place = 0, rest = Math.max(0, now); place < 6; place += 1, rest = Math.floor(rest / 256)) bytes[5 - place] = rest % 256;
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** All that waits, for a person to keep: what was written is in it as JSON, not as text in text. */
export function exported(changes: readonly Change[]): string {
  const body = (text: string | null) => {
    try {
      return text === null ? undefined : (JSON.parse(text) as unknown);
    } catch {
      return text;
    }
  };
  const list = changes.filter(isUnsent).map((change) => ({
    what: change.label,
    written: new Date(change.at).toISOString(),
    state: change.state,
    why: change.error || undefined,
    request: `${change.method} /api/v1${change.path}`,
    content: body(change.body),
  }));
  return JSON.stringify(list, null, 2) + "\n";
}
