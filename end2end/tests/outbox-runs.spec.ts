// Random runs of the outbox in the browser itself: tabs write while the server is killed, the network is cut, and tabs are opened and closed at any moment. At the end
// everything that was acknowledged to the page is on the server, once, in order. `web/outbox/runs.test.mjs` plays the same without a browser, with more of it asleep.
import type { BrowserContext, Page } from "@playwright/test";
import { alone, expected, offlineReady, warm } from "../fixtures/app.js";
import type { Server } from "../fixtures/server.js";
import { api, expect, ready, test, watch } from "../fixtures/index.js";

/** Each has a seed of its own, which the failure names. */
const ROUNDS = Number(process.env.LLMOS_OUTBOX_ROUNDS ?? 3);
const FIRST_SEED = Number(process.env.LLMOS_OUTBOX_SEED ?? 1);
const STEPS = 40;
/** A key whose request was given up with its tab is free again after two minutes (`server/idempotency.rs`): so long the last change may wait, in milliseconds. */
const LONGEST = 200_000;

type Entries = { items: { text?: string }[] };
type Written = { session: string; number: number; acknowledged: boolean };

/** The same numbers for the same seed (mulberry32). */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Has a page keep a change, as its own pages do. `session`: a message is written into it; none: one is begun. Gives the id of what is made, when it is kept. */
const keep = (page: Page, account: string, number: number, session?: string) =>
  page.evaluate(
    async ({ account, number, session }) => {
      const { imports } = JSON.parse(document.querySelector("script[type=importmap]")!.textContent!) as { imports: Record<string, string> };
      const { ask } = (await import(imports["llmos/outbox"]!)) as { ask(text: string): Promise<string> };
      const bytes = crypto.getRandomValues(new Uint8Array(16));
      for (let place = 0, rest = Date.now(); place < 6; place += 1, rest = Math.floor(rest / 256)) bytes[5 - place] = rest % 256;
      [bytes[6], bytes[8]] = [0x70 | (bytes[6]! & 15), 0x80 | (bytes[8]! & 63)];
      const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
      const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
      const path = session ? `/sessions/${session}/messages` : "/sessions";
      const body = session ? { id, text: `Message ${number}`, attachmentIds: [] } : { id, title: `Session ${number}` };
      const wish = { objects: [`session:${session ?? id}`], method: "POST", path, body: JSON.stringify(body), label: "A change", merge: "", holds: !session, latest: false };
      const outcome = JSON.parse(await ask(JSON.stringify({ act: "add", account, wish, wait: false }))) as { state: string };
      if (outcome.state !== "waiting" && outcome.state !== "done") throw new Error(`it was ${outcome.state}`);
      return id;
    },
    { account, number, session },
  );

/** How many changes the device still has. */
const left = (page: Page, account: string) =>
  page.evaluate(async (account) => {
    const database = await new Promise<IDBDatabase>((done, failed) => {
      const opening = indexedDB.open(`llmos-outbox-${account}`);
      opening.onsuccess = () => done(opening.result);
      opening.onerror = () => failed(opening.error);
    });
    if (!database.objectStoreNames.contains("changes")) return database.close(), 0;
    const number = await new Promise<number>((done) => {
      const counting = database.transaction("changes").objectStore("changes").count();
      counting.onsuccess = () => done(counting.result);
    });
    database.close();
    return number;
  }, account);

async function round(seed: number, server: Server, context: BrowserContext, account: string, problems: string[]): Promise<number> {
  const random = dice(seed);
  const any = <T>(list: T[]): T => list[Math.floor(random() * list.length)]!;
  const pause = () => new Promise((done) => setTimeout(done, random() * 150));
  const tabs: Page[] = [];
  const sessions: string[] = [];
  const written: Written[] = [];
  let [number, running] = [0, true];
  const open = async () => {
    const page = await context.newPage();
    watch(page, problems);
    await page.goto("/settings/unsent");
    await ready(page);
    tabs.push(page);
    return page;
  };
  const write = async (page: Page, away = false) => {
    number += 1;
    const fresh = !sessions.length || random() < 0.15;
    if (fresh) {
      // Into a session that is kept, as pages do it: whether the server knows of it is another matter.
      const begun = keep(page, account, number).then((id) => void sessions.push(id));
      return away ? begun.catch(() => undefined) : begun;
    }
    const one: Written = { session: any(sessions), number, acknowledged: false };
    written.push(one);
    const kept = keep(page, account, number, one.session).then(() => void (one.acknowledged = true));
    // Nobody waits for what is written while its tab is closed: it is kept, or it is not.
    return away ? kept.catch(() => undefined) : kept;
  };
  await open();
  for (let step = 0; step < STEPS; step += 1) {
    await pause();
    const fate = random();
    if (fate < 0.08 && running) {
      await server.kill();
      running = false;
    } else if (fate < 0.18 && !running) {
      await server.begin();
      running = true;
    } else if (fate < 0.25) await context.setOffline(true);
    else if (fate < 0.35) await context.setOffline(false);
    else if (fate < 0.41 && tabs.length < 4) await open();
    else if (fate < 0.49 && tabs.length) {
      const page = any(tabs);
      tabs.splice(tabs.indexOf(page), 1);
      const writing = random() < 0.5 && sessions.length ? write(page, true) : undefined;
      await pause();
      await page.close();
      await writing;
    } else await write(tabs.length ? any(tabs) : await open());
  }
  if (!running) await server.begin();
  await context.setOffline(false);
  while (tabs.length) await tabs.pop()!.close();
  const last = await open();
  await expect.poll(() => left(last, account), { timeout: LONGEST, message: `seed ${seed}: all of it is sent` }).toBe(0);
  await last.close();

  for (const session of sessions) {
    const { items } = await api<Entries>(context.request, "GET", `/sessions/${session}/entries?from=1&limit=200`);
    const arrived = items.flatMap(({ text }) => (text ? [Number(text.split(" ")[1])] : []));
    const known = written.filter((one) => one.session === session);
    expect(new Set(arrived).size, `seed ${seed}: nothing is doubled`).toBe(arrived.length);
    expect(arrived, `seed ${seed}: nothing is lost`).toEqual(expect.arrayContaining(known.filter((one) => one.acknowledged).map((one) => one.number)));
    const inOrder = arrived.filter((number) => known.some((one) => one.number === number && one.acknowledged));
    expect(inOrder, `seed ${seed}: in order`).toEqual([...inOrder].sort((one, other) => one - other));
  }
  return written.filter((one) => one.acknowledged).length + sessions.length;
}

test("random runs: nothing lost, nothing doubled, all in order", async ({ problems }) => {
  test.setTimeout(180_000 + ROUNDS * (LONGEST + 60_000));
  await alone(async (page, server, context) => {
    await page.goto("/settings/unsent");
    await ready(page);
    await offlineReady(page);
    await warm(page);
    const { person } = await api<{ person: { id: string } }>(context.request, "GET", "/me");
    await page.close();
    let changes = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + ROUNDS; seed += 1) changes += await round(seed, server, context, person.id, problems);
    console.log(`${ROUNDS} rounds, ${changes} changes: 0 lost, 0 doubled`);
    expect(changes).toBeGreaterThan(ROUNDS * 5);
    expected(problems);
  }, problems);
});
