// Sends what waits, once through: in order for each object, several objects beside each other. It keeps no state of its own, so that it may end anywhere and
// begin anew: what was on its way then is sent again under its key, which the server takes once.
import { type Answer, type Change, ready, type Verdict, verdictOf } from "./change";
import { attempt, type Store } from "./store";

/** Requests at once. A browser has six connections to a server over HTTP/1. */
const AT_ONCE = 4;

/** How a pass ended. `again`: something waits that can be sent later, at the soonest in so many milliseconds (0: whenever one likes). */
export type End = { what: "empty" | "signed-out" } | { what: "unreached" } | { what: "again"; after: number };

/** What became of one change; `text` is the server's answer. */
export interface Heard {
  change: Change;
  verdict: Verdict;
  status: number;
  text: string;
}

export interface Pass {
  store: Store;
  /** None: nobody answered. */
  send(change: Change): Promise<Answer | undefined>;
  /** Called when the store says the same. */
  heard(heard: Heard): void;
  /** Whether somebody else sends now: then this one stops. */
  over(): boolean;
}

export async function pass({ store, send, heard, over }: Pass): Promise<End> {
  let changes = await store.all();
  const flights = new Map<number, Promise<void>>();
  // Answered, but not now: not again in this pass.
  const later = new Set<number>();
  const now: { end?: End; after: number } = { after: 0 };
  const apart = { has: (seq: number) => flights.has(seq) || later.has(seq) };

  async function fly({ key, seq }: Change): Promise<void> {
    const change = await attempt(store, key);
    const stands = (next?: Change): void => {
      changes = changes.flatMap((one) => (one.seq !== seq ? [one] : next ? [next] : []));
    };
    // Discarded or edited in between: what is there now is read when nothing else is left.
    if (!change) return stands();
    const answer = await send(change);
    const verdict = verdictOf(answer);
    switch (verdict.what) {
      case "done": {
        const { look } = verdict;
        // What is in it is the server's from now on.
        if (look) await store.update(key, (one) => ({ ...one, state: "look", error: look.message, merge: look.address, body: null }));
        else await store.remove(key);
        stands();
        break;
      }
      case "conflict":
        stands(await store.update(key, (one) => ({ ...one, state: "conflict", error: verdict.error, blocked: verdict.blocked })));
        break;
      case "refused":
        stands(await store.update(key, (one) => ({ ...one, state: "refused", error: verdict.error })));
        break;
      case "later":
      case "pause":
        later.add(seq);
        now.after = Math.max(now.after, verdict.seconds * 1_000);
        if (verdict.what === "pause") now.end ??= { what: "again", after: now.after };
        stands(await store.update(key, (one) => ({ ...one, error: verdict.error })));
        break;
      case "signed-out":
        now.end = { what: "signed-out" };
        stands(await store.update(key, (one) => ({ ...one, error: verdict.error })));
        break;
      case "unreached":
        now.end ??= { what: "unreached" };
    }
    heard({ change, verdict, status: answer?.status ?? 0, text: answer?.text ?? "" });
  }

  for (;;) {
    if (!now.end && !over())
      for (const change of ready(changes, apart).slice(0, AT_ONCE - flights.size)) flights.set(change.seq, fly(change).finally(() => flights.delete(change.seq)));
    if (flights.size) {
      await Promise.race(flights.values());
      continue;
    }
    if (now.end) return now.end;
    if (over()) return { what: "again", after: 0 };
    // Somebody may have written more meanwhile.
    changes = await store.all();
    if (!ready(changes, apart).length) return later.size ? { what: "again", after: now.after } : { what: "empty" };
  }
}

/** Longer than the server gives any request (60 s). */
const LIMIT = 70_000;

/** Sends one change as its account. The server refuses it where somebody else is signed in by now. */
export async function send(account: string, { key, method, path, body }: Change): Promise<Answer | undefined> {
  const headers: Record<string, string> = { "idempotency-key": key, "x-llmos-account": account };
  if (body !== null) headers["content-type"] = "application/json";
  try {
    // A redirect is never ours, and following it would turn the change into something else.
    const answer = await fetch(`/api/v1${path}`, { method, headers, body, redirect: "manual", credentials: "same-origin", signal: AbortSignal.timeout(LIMIT) });
    return { status: answer.status, headers: answer.headers, redirected: answer.redirected, text: await answer.text() };
  } catch {
    return undefined;
  }
}
