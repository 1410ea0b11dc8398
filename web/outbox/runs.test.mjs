// Random runs: tabs write while the server is killed, the network is cut, and tabs are closed or sleep at any moment. At the end everything that was acknowledged to
// the person is on the server, once, in order. What is not ours (server, disk, locks) is played here as far as it matters.
import assert from "node:assert/strict";
import test from "node:test";
import { Outbox, replayOnce } from "./lead";
import { inMemory } from "./store";

const RUNS = 200;
const AT_ONCE = 25;
/** Time runs so much faster than the outbox thinks. */
const FASTER = 300;

/** The same numbers for the same seed (mulberry32). */
function dice(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const rest = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const never = new Promise(() => undefined);

/** Takes each change once, by its key and by the ids in it, as the real one does; it may die between doing something and noting that it was done. */
class Server {
  up = true;
  network = true;
  life = 0;
  keys = new Map();
  sessions = new Map();
  constructor(random) {
    this.random = random;
  }
  kill() {
    this.up = false;
    this.life += 1;
  }
  async take({ key, path, body, method }) {
    await rest(this.random() * 3);
    if (!this.network || !this.up) return undefined;
    if (this.random() < 0.03) return { status: 200, headers: new Headers({ "content-type": "text/html" }), text: "Sign in to this network", redirected: false };
    const life = this.life;
    const gone = () => !this.up || this.life !== life;
    const print = method + path + body;
    const before = this.keys.get(key);
    assert.ok(!before || before.print === print, "a key stands for one request");
    if (before?.status) return this.answer(before.status, before.text);
    // Of this life: still running. Of one before: it died with its process.
    if (before && before.life === this.life) return this.answer(409, "{}", { "retry-after": "1" });
    this.keys.set(key, { print, life, status: 0 });
    await rest(this.random() * 2);
    if (gone()) return undefined;
    if (this.random() < 0.03) {
      this.keys.delete(key);
      return this.answer(500, "{}");
    }
    const [status, text] = this.act(path, JSON.parse(body));
    await rest(this.random() * 2);
    if (gone()) return undefined;
    this.keys.set(key, { print, life, status, text });
    await rest(this.random() * 2);
    return this.network && !gone() ? this.answer(status, text) : undefined;
  }
  act(path, { id }) {
    if (path === "/sessions") {
      if (!this.sessions.has(id)) this.sessions.set(id, []);
      return [200, "{}"];
    }
    const messages = this.sessions.get(path.split("/")[2]);
    if (!messages) return [404, "{}"];
    if (!messages.includes(id)) messages.push(id);
    return [200, "{}"];
  }
  answer(status, text, more = {}) {
    return { status, headers: new Headers({ "x-llmos-account": "maya", ...more }), text, redirected: false };
  }
}

/** One lock, as browsers have it: it goes with the tab that holds it. */
class Locks {
  queue = [];
  holder;
  request(tab, how, act) {
    return new Promise((done) => {
      const wanted = { tab, act, done };
      if (how === "steal") {
        const before = this.holder;
        this.holder = undefined;
        // Who sleeps learns of it when it wakes.
        before?.tab.gate.then(() => before.done(false));
        this.hold(wanted);
      } else if (how === "if-free" && this.holder) done(false);
      else {
        this.queue.push(wanted);
        this.next();
      }
    });
  }
  next() {
    if (this.holder) return;
    const wanted = this.queue.shift();
    if (wanted) this.hold(wanted);
  }
  hold(wanted) {
    this.holder = wanted;
    void wanted.act().then(() => {
      if (this.holder !== wanted) return;
      this.holder = undefined;
      wanted.done(true);
      this.next();
    });
  }
  gone(tab) {
    this.queue = this.queue.filter((wanted) => wanted.tab !== tab);
    if (this.holder?.tab !== tab) return;
    this.holder = undefined;
    this.next();
  }
}

/** A tab, or the worker: whatever it does stops when it is closed, and waits while it sleeps. */
class Tab {
  alive = true;
  gate = Promise.resolve();
  constructor(world) {
    this.world = world;
  }
  async step() {
    await rest(this.world.random() * 1.5);
    await this.gate;
    if (!this.alive) await never;
  }
  async does(act) {
    await this.step();
    const result = await act();
    await this.step();
    return result;
  }
  get store() {
    const { disk } = this.world;
    return {
      lasts: true,
      all: () => this.does(() => disk.all()),
      add: (wish, key) => this.does(() => disk.add(wish, key)),
      update: (key, act) => this.does(() => disk.update(key, act)),
      remove: (key) => this.does(() => disk.remove(key)),
      close: () => undefined,
    };
  }
  get around() {
    const { server, locks, tabs, random } = this.world;
    return {
      send: (change) => this.does(() => server.take(change)),
      lock: (how, act) => locks.request(this, how, act),
      post: (note) => {
        if (!this.alive) return;
        for (const other of tabs) if (other !== this) void other.step().then(() => other.hears?.(note));
      },
      tell: () => undefined,
      online: () => true,
      after: (milliseconds, act) => {
        const timer = setTimeout(() => void this.gate.then(() => this.alive && act()), milliseconds / FASTER);
        return () => clearTimeout(timer);
      },
      random,
      left: () => undefined,
    };
  }
  open() {
    const outbox = new Outbox(this.store, this.around);
    this.hears = (note) => outbox.hear(note);
    this.outbox = outbox;
    this.world.tabs.add(this);
    outbox.start();
    outbox.kick(true);
    return this;
  }
  close() {
    this.alive = false;
    this.world.tabs.delete(this);
    this.world.locks.gone(this);
  }
  sleep(milliseconds) {
    this.gate = rest(milliseconds);
  }
  /** What the worker does at a Background Sync. */
  async sync() {
    this.world.tabs.add(this);
    let alive = () => undefined;
    this.hears = (note) => note.note === "alive" && alive();
    const hearsAlive = () => new Promise((done) => void ((alive = () => done(true)), setTimeout(() => done(false), 3_000 / FASTER)));
    await Promise.race([replayOnce(this.store, this.around, hearsAlive), rest(60)]);
    this.close();
  }
}

async function run(seed) {
  const random = dice(seed);
  const world = { random, disk: inMemory(), server: new Server(random), locks: new Locks(), tabs: new Set() };
  const { disk, server, tabs } = world;
  const any = (list) => list[Math.floor(random() * list.length)];
  const opened = () => [...tabs].filter((tab) => tab.outbox);
  const acknowledged = [];
  const discarded = new Set();
  let last = 0;
  const sessions = [];
  const write = (tab) => {
    last += 1;
    // Into a session that is written down, as pages do it: whether the server knows of it is another matter.
    const fresh = !sessions.length || random() < 0.15;
    const session = fresh ? `s${last}` : any(sessions);
    const id = fresh ? session : `m${last}`;
    const wish = { objects: [`session:${session}`], method: "POST", path: fresh ? "/sessions" : `/sessions/${session}/messages`, body: JSON.stringify({ id }), label: id, merge: "", holds: fresh };
    void tab.outbox.add(wish).then((change) => {
      acknowledged.push({ id, session, fresh, change });
      if (fresh) sessions.push(session);
    });
  };
  new Tab(world).open();
  for (let step = 0; step < 60; step += 1) {
    await rest(random() * 3);
    const fate = random();
    if (fate < 0.08) server.kill();
    else if (fate < 0.2) server.up = true;
    else if (fate < 0.26) server.network = false;
    else if (fate < 0.38) server.network = true;
    else if (fate < 0.44 && tabs.size < 4) new Tab(world).open();
    else if (fate < 0.5 && opened().length) any(opened()).close();
    else if (fate < 0.54 && opened().length) any(opened()).sleep(random() * 40);
    else if (fate < 0.58) void new Tab(world).sync();
    else if (fate < 0.6 && acknowledged.length && opened().length) {
      // Not what others build on.
      const { id, fresh, change } = any(acknowledged);
      if (!fresh) {
        discarded.add(id);
        void any(opened()).outbox.discard(change.key);
      }
    } else {
      if (!opened().length) new Tab(world).open();
      write(any(opened()));
    }
  }
  [server.up, server.network] = [true, true];
  for (const tab of opened()) tab.close();
  const end = new Tab(world).open();
  for (let looks = 0; (await disk.all()).some((change) => change.state === "waiting") && looks < 3_000; looks += 1) {
    await rest(2);
    if (looks % 50 === 49) end.outbox.kick(true);
  }
  end.close();
  const arrived = [...server.sessions.values()].flat();
  assert.equal(new Set(arrived).size, arrived.length, "nothing is doubled");
  const lost = acknowledged.filter(({ id, fresh, session }) => !discarded.has(id) && !(fresh ? server.sessions.has(id) : server.sessions.get(session)?.includes(id)));
  assert.deepEqual(lost, [], "nothing is lost");
  assert.deepEqual(await disk.all(), [], "nothing is refused");
  for (const [session, messages] of server.sessions) {
    const order = new Map(acknowledged.map(({ id, change }) => [id, change.seq]));
    const seen = messages.filter((id) => order.has(id)).map((id) => order.get(id));
    assert.deepEqual(seen, seen.toSorted((one, other) => one - other), `in order: ${session}`);
  }
  return acknowledged.length;
}

test(`${RUNS} random runs: nothing lost, nothing doubled, all in order`, async () => {
  let written = 0;
  for (let first = 1; first <= RUNS; first += AT_ONCE) {
    const seeds = Array.from({ length: Math.min(AT_ONCE, RUNS - first + 1) }, (_, place) => first + place);
    const counts = await Promise.all(seeds.map((seed) => run(seed).catch((error) => Promise.reject(new Error(`run ${seed}: ${error.message}`, { cause: error })))));
    written += counts.reduce((sum, count) => sum + count, 0);
  }
  assert.ok(written > RUNS * 10, `${written} changes were written`);
});
