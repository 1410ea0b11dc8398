// What is here as a whole, on caches and a server as they are used of it.
import assert from "node:assert/strict";
import test from "node:test";
import { grouped, sessionOf } from "./messages";
import { entriesPage, facets, isNew, libraryPage } from "./pinned";

const HERE = "https://harbor.example";
const stored = new Map();
const absolute = (url) => new URL(url, HERE).href;
globalThis.caches = {
  keys: async () => [...stored.keys()],
  has: async (name) => stored.has(name),
  delete: async (name) => stored.delete(name),
  async open(name) {
    if (!stored.has(name)) stored.set(name, new Map());
    const cache = stored.get(name);
    return {
      put: async (url, answer) => void cache.set(absolute(url), answer),
      match: async (url) => cache.get(absolute(url))?.clone(),
      delete: async (url) => cache.delete(absolute(url)),
      keys: async () => [...cache.keys()].map((url) => ({ url })),
    };
  },
  match: async (url, { cacheName }) => stored.get(cacheName)?.get(absolute(url))?.clone(),
};
const { belongsTo, moment } = await import("./keeping");
const pins = await import("./pins");
const { KEPT_AT, PINS } = await import("./names");
const pin = async (kind, id, name) => {
  await pins.want(kind, id, name);
  await pins.bring(kind, id);
};

const artifact = (number, more = {}) => ({ id: `id-${String(number).padStart(4, "0")}`, volumeId: "v", kind: number % 3 ? "skill" : "tool", slug: `s-${number}`, name: `Skill ${number}`, description: number % 2 ? "About lamps" : "About ropes", category: number % 2 ? "testing" : "design", tags: number % 5 ? ["a"] : ["a", "b"], hints: 0, hasDraft: false, updatedAt: number, ...more });
const query = (text) => new URLSearchParams(text);

test("lists are filtered, ordered and paged as the server does it", () => {
  const items = Array.from({ length: 120 }, (_, number) => artifact(number));
  const first = libraryPage(items, query("volume=v&view=all&sort=updated"));
  assert.deepEqual([first.items.length, first.total, first.items[0].name], [50, 120, "Skill 119"]);
  const last = libraryPage(items, query(`volume=v&view=all&sort=updated&cursor=${libraryPage(items, query(`view=all&sort=updated&cursor=${first.next}`)).next}`));
  assert.deepEqual([last.items.length, last.next, last.items.at(-1).name], [20, null, "Skill 0"]);
  assert.equal(libraryPage(items, query("view=all&sort=name&q=LAMPS skill&kind=tool")).total, 20);
  assert.equal(libraryPage(items, query("view=drafts&sort=updated")).total, 0);
  for (const unknown of ["view=favourites", "view=trash", "view=all&cursor=YWJj", "view=all&diffstat=true"]) assert.equal(libraryPage(items, query(unknown)), undefined, unknown);
  const counts = facets(items, query("view=all&sort=updated&category=design"));
  assert.deepEqual(counts.categories, [{ value: "design", count: 60 }, { value: "testing", count: 60 }]);
  assert.deepEqual(counts.tags, [{ value: "a", count: 60 }, { value: "b", count: 12 }]);
});

test("a piece of a timeline, by number", () => {
  const entries = Array.from({ length: 150 }, (_, at) => ({ number: at + 1 }));
  assert.deepEqual([entriesPage(entries, query("")).items[0].number, entriesPage(entries, query("")).items.length], [91, 60]);
  assert.deepEqual(entriesPage(entries, query("from=149&limit=60")), { items: [{ number: 149 }, { number: 150 }], total: 150 });
  assert.deepEqual(entriesPage([], query("from=1")), { items: [], total: 0 });
});

test("only what changed is fetched again", () => {
  assert.ok(isNew(undefined, artifact(1)) && isNew(artifact(1), artifact(1, { updatedAt: 9 })) && isNew(artifact(1), artifact(1, { hasDraft: true })));
  assert.ok(!isNew(artifact(1), artifact(1)));
});

/** A volume `v` and a session `s`, as the server has them; `asked` are the paths that it was asked for. */
let items = Array.from({ length: 130 }, (_, number) => artifact(number));
let asked = [];
let reached = true;
const entries = Array.from({ length: 250 }, (_, at) => ({ number: at + 1, text: "said" }));
globalThis.fetch = async (url) => {
  if (!reached) throw new TypeError("no network");
  asked.push(url);
  const { pathname, searchParams } = new URL(url, HERE);
  const headers = { "content-type": "application/json", "x-llmos-account": "maya", date: "Sun, 29 Nov 2026 09:12:00 GMT" };
  const give = (of, status = 200) => Object.defineProperty(new Response(typeof of === "string" ? of : JSON.stringify(of), { status, headers }), "type", { value: "basic" });
  if (pathname === "/api/v1/artifacts") {
    if (searchParams.get("volume") !== "v") return give({ message: "No." }, 404);
    const from = Number(searchParams.get("cursor") ?? 0);
    const [limit] = [Number(searchParams.get("limit"))];
    return give({ items: items.slice(from, from + limit), next: from + limit < items.length ? String(from + limit) : null });
  }
  if (pathname === "/api/v1/artifacts/details") return give(searchParams.get("ids").split(",").map((id) => JSON.stringify({ summary: items.find((one) => one.id === id), text: `Text of ${id}` })).join("\n") + "\n");
  if (pathname === "/api/v1/sessions/s") return give({ artifacts: [{ id: "id-0001" }] });
  if (pathname === "/api/v1/sessions/s/entries") {
    const from = Number(searchParams.get("from"));
    return give({ items: entries.filter((entry) => entry.number >= from).slice(0, 200), total: entries.length });
  }
  return give([]);
};
const shown = async (path) => (await pins.find(HERE + path))?.json();

test("a volume is here as a whole, and is compared with what changed", async () => {
  await belongsTo("maya", moment());
  assert.equal(await shown("/api/v1/artifacts/id-0007"), undefined);
  await pin("volume", "v", "Harbor");
  const [one] = await pins.pins();
  assert.deepEqual([one.name, one.items, one.at, one.error, one.working], ["Harbor", 130, Date.parse("Sun, 29 Nov 2026 09:12:00 GMT"), "", false]);
  assert.ok(one.bytes > 130 * 100);
  assert.equal((await shown("/api/v1/artifacts/id-0007")).text, "Text of id-0007");
  assert.equal((await shown("/api/v1/artifacts?volume=v&view=all&sort=updated&q=ropes")).total, 65);
  assert.equal((await shown("/api/v1/artifacts/facets?volume=v&view=all&sort=updated")).categories.length, 2);
  assert.equal(await shown("/api/v1/artifacts?view=all&sort=updated"), undefined);
  assert.equal(await shown("/api/v1/artifacts?volume=v&whose=personal"), undefined);
  // The library was never opened: then it has what is here.
  const some = async (path) => (await pins.findSome(HERE + path))?.json();
  assert.equal((await some("/api/v1/artifacts?view=all&sort=updated&q=ropes")).total, 65);
  assert.equal((await some("/api/v1/artifacts/facets?view=all&sort=updated")).categories.length, 2);
  for (const other of ["/api/v1/artifacts?team=t", "/api/v1/artifacts?whose=personal", "/api/v1/artifacts?volume=w", "/api/v1/artifacts?view=trash", "/api/v1/artifacts/id-0007/text", "/api/v1/sessions"]) assert.equal(await some(other), undefined, other);
  assert.equal((await pins.find(`${HERE}/api/v1/artifacts?volume=v&view=all&sort=updated`)).headers.get(KEPT_AT), String(one.at));

  asked = [];
  items = items.filter((one) => one.id !== "id-0007").map((one) => (one.id === "id-0008" ? { ...one, updatedAt: 999 } : one));
  await pin("volume", "v", "Harbor");
  assert.deepEqual(asked.filter((url) => url.includes("details")), ["/api/v1/artifacts/details?ids=id-0008"]);
  assert.equal(await shown("/api/v1/artifacts/id-0007"), undefined);

  await pins.unpin("volume", "v");
  assert.deepEqual(await pins.pins(), []);
  assert.equal(stored.get(`${PINS}maya`).size, 0);
});

test("a session is here with all that was said; what another one needs stays", async () => {
  await pin("volume", "v", "Harbor");
  await pin("session", "s", "Review");
  assert.equal((await shown("/api/v1/sessions/s/entries?from=3&limit=2")).items.length, 2);
  assert.equal((await shown("/api/v1/sessions/s/entries")).items.at(-1).number, 250);
  await pins.unpin("session", "s");
  assert.equal(await shown("/api/v1/sessions/s"), undefined);
  assert.equal((await shown("/api/v1/artifacts/id-0001")).text, "Text of id-0001");
});

test("without a network it says what is missing, and what one may not see any more goes", async () => {
  reached = false;
  await pin("session", "s", "Review");
  assert.match((await pins.pins()).find((pin) => pin.kind === "session").error, /Not all of it is here/);
  reached = true;
  await pins.refresh(0);
  assert.equal((await pins.pins()).find((pin) => pin.kind === "session").error, "");
  await pin("volume", "lost", "Another team's");
  assert.ok(!(await pins.pins()).some((pin) => pin.id === "lost"));
});

test("what is not wanted any more ends on its way", async () => {
  await pins.want("volume", "v", "Harbor");
  assert.equal((await pins.pins()).find((one) => one.id === "v").working, true);
  const coming = pins.bring("volume", "v");
  await pins.unpin("volume", "v");
  await coming;
  assert.ok(!(await pins.pins()).some((one) => one.id === "v"));
});

test("messages about one subject are one", () => {
  const message = { account: "maya", title: "Maya named you", body: "Api: look", url: "/sessions/0192a000-0000-7000-8000-000000000001?entry=4", tag: "session-1", ids: ["a"] };
  const first = grouped(message, undefined, HERE);
  assert.deepEqual([first.body, first.shown.count, first.shown.url], ["Api: look", 1, HERE + message.url]);
  const second = grouped({ ...message, ids: ["b"], url: "https://evil.example/" }, first.shown, HERE);
  assert.deepEqual([second.body, second.shown.ids, second.shown.url], ["Api: look\nand 1 more", ["a", "b"], `${HERE}/notifications`]);
  const another = grouped({ ...message, account: "tomas" }, first.shown, HERE);
  assert.deepEqual([another.body, another.shown.account, another.shown.ids], ["Api: look", "tomas", ["a"]]);
  assert.equal(sessionOf(first.shown.url), "0192a000-0000-7000-8000-000000000001");
  assert.equal(sessionOf(second.shown.url), undefined);
});
