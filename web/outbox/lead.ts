// Who sends: one of all tabs of an account, and the service worker while none is open. The others tell it what they wrote.
import { type Answer, type Change, newKey, pause, type Wish } from "./change";
import { type End, type Heard, pass } from "./replay";
import { edit, retry, type Store } from "./store";

/** What tabs tell each other, and themselves. `heard`: what became of a change. `poke`: send (`fresh`: something is better than before); `alive`: somebody does. */
export type Note =
  | { note: "changed" | "alive" }
  | { note: "poke"; fresh: boolean }
  | { note: "ended"; what: End["what"] }
  | { note: "heard"; key: string; objects: string[]; label: string; what: Heard["verdict"]["what"]; text: string };

/** What there is around it: the browser, or the stand-in of the tests. */
export interface Around {
  send(change: Change): Promise<Answer | undefined>;
  /** Holds the one lock of the account during `act`: when it is free, only if it is free, or taking it from whoever has it. Whether `act` ran to its end. */
  lock(how: "wait" | "if-free" | "steal", act: () => Promise<void>): Promise<boolean>;
  /** False is certain: then nothing is tried, and what waits can still be edited. */
  online(): boolean;
  /** To all other tabs and the worker. */
  post(note: Note): void;
  /** To the page of this one. */
  tell(note: Note): void;
  /** Runs it later; gives what calls that off. */
  after(milliseconds: number, act: () => void): () => void;
  random(): number;
  /** Something waits that could not be sent. */
  left(): void;
}

/** A leader says within so many milliseconds that it is there; one that does not is asleep, as phones put tabs to sleep. */
const ALIVE = 3_000;
/** While the server is out of reach, what is written is tried no sooner than that after the time before. */
const SOON = 2_000;

const noteOf = ({ change, verdict, text }: Heard): Note => ({ note: "heard", key: change.key, objects: change.objects, label: change.label, what: verdict.what, text });

export class Outbox {
  /** This one's turn as the leader; another value than before means that it lost it in between. */
  private turn: object | undefined;
  private closed = false;
  private wanted = false;
  private fresh = false;
  private wake: (() => void) | undefined;
  private waitsForAlive: (() => void) | undefined;
  /** How the last passes ended; 0: all was sent. */
  private failed = 0;
  private last: End["what"] = "empty";
  private soon: (() => void) | undefined;

  constructor(
    readonly store: Store,
    private readonly around: Around,
  ) {}

  /** Sends from now on, whenever it is this one's turn. */
  start(): void {
    void (async () => {
      // What fails there, as a database that was taken away, is tried again, and not at once.
      while (!this.closed) await this.take("wait").catch(() => new Promise<void>((done) => void this.around.after(SOON, done)));
    })();
  }

  private async take(how: "wait" | "steal"): Promise<void> {
    const turn = {};
    try {
      await this.around.lock(how, () => this.lead(turn));
    } finally {
      // It may have been taken away, while this one slept.
      if (this.turn === turn) {
        this.turn = undefined;
        this.wake?.();
      }
    }
  }

  close(): void {
    this.closed = true;
    this.turn = undefined;
    this.waitsForAlive?.();
    this.soon?.();
    this.wake?.();
    this.store.close();
  }

  /** Keeps a change and has it sent. When this resolves it is on disk, if the store has one. */
  async add(wish: Wish): Promise<Change> {
    const change = await this.store.add(wish, newKey());
    this.changed();
    this.kick();
    return change;
  }

  async retry(key: string): Promise<void> {
    if (await retry(this.store, key)) this.changed();
    this.kick();
  }

  /** Whether it could still be edited. */
  async edit(key: string, body: string): Promise<boolean> {
    const edited = await edit(this.store, key, body);
    if (!edited) return false;
    this.changed();
    this.kick();
    return true;
  }

  async discard(key: string): Promise<void> {
    await this.store.remove(key);
    this.changed();
    // What waited behind it may go now.
    this.kick();
  }

  /** Sends what waits, now. `fresh`: the network may have come back, or the person. */
  kick(fresh = false): void {
    if (this.turn) return this.go(fresh);
    this.around.post({ note: "poke", fresh });
    this.waitsForAlive ??= this.around.after(ALIVE, () => {
      this.waitsForAlive = undefined;
      if (!this.closed && !this.turn) void this.take("steal").catch(() => undefined);
    });
  }

  /** What another tab or the worker said. */
  hear(note: Note): void {
    switch (note.note) {
      case "poke":
        if (!this.turn) return;
        this.around.post({ note: "alive" });
        return this.go(note.fresh);
      case "alive":
        this.waitsForAlive?.();
        this.waitsForAlive = undefined;
        return;
      default:
        this.around.tell(note);
    }
  }

  private go(fresh: boolean): void {
    if (!fresh && this.failed && this.wake) {
      // Whoever waits for it need not: it was not reached a moment ago.
      this.say({ note: "ended", what: this.last });
      this.soon ??= this.around.after(SOON, () => {
        this.soon = undefined;
        this.wake?.();
      });
      return;
    }
    this.wanted = true;
    this.fresh ||= fresh;
    this.wake?.();
  }

  private say(note: Note): void {
    this.around.post(note);
    this.around.tell(note);
  }

  private changed(): void {
    this.say({ note: "changed" });
  }

  private async lead(turn: object): Promise<void> {
    this.turn = turn;
    this.waitsForAlive?.();
    this.waitsForAlive = undefined;
    const over = () => this.closed || this.turn !== turn;
    while (!over()) {
      [this.wanted, this.fresh] = [false, false];
      const end: End = !this.around.online() ? { what: "unreached" } : await pass({ store: this.store, send: (change) => this.around.send(change), heard: (heard) => this.say(noteOf(heard)), over }).catch(
        // The database was taken away, or fails: it may be there again.
        (): End => ({ what: "again", after: 0 }),
      );
      if (over()) return;
      const next = pause(this.failed, this.around.random());
      this.failed = end.what === "empty" ? 0 : this.failed + 1;
      this.last = end.what;
      this.say({ note: "ended", what: end.what });
      if (this.failed) this.around.left();
      if (this.wanted && (this.fresh || !this.failed)) continue;
      // Signed out: the page that signs in starts anew, or somebody comes back.
      const wait = end.what === "unreached" ? next : end.what === "again" ? Math.max(end.after, next) : undefined;
      await this.sleep(this.wanted ? Math.min(SOON, wait ?? SOON) : wait);
      if (this.fresh) this.failed = 0;
    }
  }

  /** Until it is woken, or so many milliseconds. */
  private sleep(milliseconds: number | undefined): Promise<void> {
    return new Promise((done) => {
      const cancel = milliseconds === undefined ? undefined : this.around.after(milliseconds, () => this.wake?.());
      this.wake = () => {
        cancel?.();
        this.wake = undefined;
        done();
      };
    });
  }
}

/** One pass while no tab sends, or the one that should is asleep: for the service worker. None: a tab does it. */
export async function replayOnce(store: Store, around: Around, hearsAlive: () => Promise<boolean>): Promise<End | undefined> {
  let end: End | undefined;
  let turn = {};
  const act = async () => {
    const mine = turn;
    const now = await pass({ store, send: (change) => around.send(change), heard: (heard) => around.post(noteOf(heard)), over: () => turn !== mine });
    if (turn !== mine) return;
    end = now;
    around.post({ note: "ended", what: end.what });
  };
  if (await around.lock("if-free", act)) return end;
  // It was not free, or a tab took it in between: what was begun ends.
  turn = {};
  const alive = hearsAlive();
  around.post({ note: "poke", fresh: true });
  if (await alive) return undefined;
  await around.lock("steal", act);
  return end;
}
