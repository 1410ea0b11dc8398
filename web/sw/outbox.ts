// What waits in the outbox, sent while no page does it.
import { around, channel, SYNC } from "../outbox/browser";
import { lookOf, newKey } from "../outbox/change";
import { type Note, replayOnce } from "../outbox/lead";
import { open } from "../outbox/store";
import { whose } from "./keeping";

declare const self: ServiceWorkerGlobalScope;

/** A page that sends says so within that time. */
const ALIVE = 3_000;

/** Rejects when something is left to be sent: then the browser tells us again, later each time. */
export async function replay(): Promise<void> {
  const account = await whose();
  if (!account) return;
  const alive = new Set<() => void>();
  const tells: Parameters<typeof say>[] = [];
  const line = channel(account, ({ note }: Note) => {
    if (note === "alive") alive.forEach((say) => say());
    // A tab that opens meanwhile waits for its turn.
    else if (note === "poke") line.post({ note: "alive" });
  });
  const store = await open(account);
  try {
    const end = await replayOnce(
      store,
      {
        ...around(account, line),
        post(note) {
          const worth = note.note === "heard" ? worthTelling(note.what, note.label, note.text) : undefined;
          if (worth) tells.push(worth);
          line.post(note);
        },
        tell: () => undefined,
        left: () => undefined,
      },
      () =>
        new Promise((done) => {
          alive.add(() => done(true));
          setTimeout(() => done(false), ALIVE);
        }),
    );
    // One for all of them: a later one would take its place in any case.
    const last = tells.at(-1);
    if (last) await say(...last);
    // A tab that sends may be closed before it is done.
    const some = end ? end.what === "unreached" || end.what === "again" : (await store.all()).some((change) => change.state === "waiting");
    if (some) throw new Error("not all could be sent");
  } finally {
    store.close();
    line.close();
  }
}

/**
 * A message that was written without a page, by whom the answered one told: kept as one that was written on one, and sent. Rejects when it could not be kept, or
 * somebody else is here by now.
 */
export async function write(account: string, session: string, text: string): Promise<void> {
  if (!account || account !== (await whose())) throw new Error("somebody else is here");
  const store = await open(account);
  try {
    const id = newKey();
    const label = `Message \u201c${text.slice(0, 60)}\u201d`;
    await store.add({ objects: [`session:${session}`], method: "POST", path: `/sessions/${session}/messages`, body: JSON.stringify({ id, text, attachmentIds: [] }), label, merge: "", holds: false }, newKey());
  } finally {
    store.close();
  }
  // Not at once: the browser tells when it can be.
  const registration = self.registration as ServiceWorkerRegistration & { sync?: { register(tag: string): Promise<void> } };
  // Some browsers may not: then the next page sends it.
  await replay().catch(() => registration.sync?.register(SYNC).catch(() => undefined));
}

/** What a message would say of what became of a change; none where it needs nobody. */
function worthTelling(what: string, label: string, text: string): Parameters<typeof say> | undefined {
  const look = what === "done" ? lookOf(text) : undefined;
  if (look) return ["A change is to be looked at", look.message, look.address];
  return what === "refused" || what === "conflict" ? ["A change did not go through", `${label}. Open LLMos-Lite to see why, and what can be done.`, "/settings/unsent"] : undefined;
}

/** A change that cannot go on by itself is not left in silence, where the person allowed messages; the list of what waits has it in any case. */
async function say(title: string, body: string, address: string): Promise<void> {
  if (!("Notification" in self) || Notification.permission !== "granted") return;
  const options = { body, tag: "outbox", icon: "/icons/icon-192.png", badge: "/icons/monochrome-96.png", data: { url: self.location.origin + address, ids: [] } };
  await self.registration.showNotification(title, options).catch(() => undefined);
}
