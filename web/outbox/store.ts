// Where changes are kept until the server has them: one database for each account. Both the pages and the service worker open it.
import { type DBSchema, type IDBPDatabase, type IDBPObjectStore, deleteDB, openDB } from "idb";

import { type Change, following, mayEdit, newKey, predecessor, type Wish } from "./change";

const PREFIX = "llmos-outbox-";
const CHANGES = "changes";

interface Schema extends DBSchema {
  changes: { key: number; value: Omit<Change, "seq"> & { seq?: number }; indexes: { key: string } };
}

/** The changes of one account, oldest first. Each act is done whole or not at all, also when somebody else writes at the same time. */
export interface Store {
  /** Whether they outlive this page. */
  readonly lasts: boolean;
  all(): Promise<Change[]>;
  /** When this resolves it is on disk. */
  add(wish: Wish, key: string): Promise<Change>;
  /** Changes one as `act` says, unless it is gone or `act` gives none; gives what it is then. */
  update(key: string, act: (change: Change) => Change | undefined): Promise<Change | undefined>;
  remove(key: string): Promise<void>;
  close(): void;
}

/** Notes that it is being sent; none if it is not to be sent any more. */
export const attempt = (store: Store, key: string) =>
  store.update(key, (change) => (change.state === "waiting" ? { ...change, tries: change.tries + 1 } : undefined));

/** Sends it again as if it were new: under the former key the server would repeat its refusal. */
export const retry = (store: Store, key: string) =>
  store.update(key, (change) => (change.state === "waiting" || change.state === "look" ? undefined : { ...change, key: newKey(), state: "waiting", error: "", blocked: {}, tries: 0 }));

/** With another content; none if it may have arrived already. */
export const edit = (store: Store, key: string, body: string) =>
  store.update(key, (change) => (mayEdit(change) ? { ...change, body, key: newKey(), state: "waiting", error: "", blocked: {}, tries: 0 } : undefined));

const fresh = (wish: Wish, key: string) => ({ ...wish, key, at: Date.now(), state: "waiting" as const, error: "", tries: 0 });

/**
 * Rejects where the browser keeps nothing, as some do in private windows.
 */
export async function open(account: string): Promise<Store> {
  const database: IDBPDatabase<Schema> = await openDB<Schema>(PREFIX + account, 1, {
    upgrade(empty) {
      empty.createObjectStore(CHANGES, { keyPath: "seq", autoIncrement: true }).createIndex("key", "key", { unique: true });
    },
    // Another page removes it, at sign-out: an open connection would hold that up.
    blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
  });
  type Changes = IDBPObjectStore<Schema, ["changes"], "changes", "readwrite">;
  const write = async <T>(durability: "strict" | "relaxed", act: (changes: Changes) => Promise<T>): Promise<T> => {
    const change = database.transaction(CHANGES, "readwrite", { durability });
    // What fails in it is told by the act itself, too.
    change.done.catch(() => undefined);
    const result = await act(change.store);
    await change.done;
    return result;
  };
  // Writers wait for each other, and each costs a few milliseconds: what comes while one writes is written together after it.
  type Act = (changes: Changes) => Promise<void>;
  let filling: { acts: Act[]; end: Promise<unknown> } | undefined;
  let before: Promise<unknown> = Promise.resolve();
  const begin = () => {
    const acts: Act[] = [];
    const end = before.then(() => {
      filling = undefined;
      return write("relaxed", (changes) => Promise.all(acts.map((act) => act(changes))));
    });
    before = end.catch(() => undefined);
    return { acts, end };
  };
  const together = async <T>(act: (changes: Changes) => Promise<T>): Promise<T> => {
    const batch = (filling ??= begin());
    const result: { of?: T } = {};
    batch.acts.push(async (changes) => {
      result.of = await act(changes);
    });
    await batch.end;
    return result.of as T;
  };
  return {
    lasts: true,
    all: async () => (await database.getAll(CHANGES)) as Change[],
    // What was acknowledged has to survive the machine going down, not only the page.
    add: (wish, key) =>
      write("strict", async (changes) => {
        const before = wish.latest && predecessor((await changes.getAll()) as Change[], wish);
        if (before) {
          const after = { ...fresh({ ...wish, body: following(before, wish.body) }, key), seq: before.seq };
          await changes.put(after);
          return after;
        }
        const seq = await changes.add(fresh(wish, key));
        return { ...fresh(wish, key), seq };
      }),
    update: (key, act) =>
      together(async (changes) => {
        const before = (await changes.index("key").get(key)) as Change | undefined;
        const after = before && act(before);
        if (after) await changes.put(after);
        return after;
      }),
    remove: (key) =>
      together(async (changes) => {
        const seq = await changes.index("key").getKey(key);
        if (seq !== undefined) await changes.delete(seq);
      }),
    close: () => database.close(),
  };
}

/** The same in memory: for browsers that keep nothing. It ends with the page. */
export function inMemory(): Store {
  let changes: Change[] = [];
  let last = 0;
  return {
    lasts: false,
    all: async () => structuredClone(changes),
    async add(wish, key) {
      const before = predecessor(changes, wish);
      if (before) {
        const after = { ...fresh({ ...wish, body: following(before, wish.body) }, key), seq: before.seq };
        changes = changes.map((change) => (change.seq === before.seq ? after : change));
        return structuredClone(after);
      }
      const change: Change = { ...fresh(wish, key), seq: (last += 1) };
      changes.push(change);
      return structuredClone(change);
    },
    async update(key, act) {
      const at = changes.findIndex((change) => change.key === key);
      const before = changes[at];
      const after = before && act(structuredClone(before));
      if (after) changes[at] = after;
      return after && structuredClone(after);
    },
    async remove(key) {
      changes = changes.filter((change) => change.key !== key);
    },
    close() {},
  };
}

/** Forgets an account's database; only when nothing is in it. */
export const forget = (account: string) => deleteDB(PREFIX + account);

/** Whether a write failed because there is no room. */
export const isFull = (error: unknown) => error instanceof Error && (error.name === "QuotaExceededError" || /quota/i.test(error.message));
