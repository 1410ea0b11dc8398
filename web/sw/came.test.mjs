// What came with a page, on caches as the browser's are: only what is used of them.
import assert from "node:assert/strict";
import test from "node:test";

const HERE = "https://harbor.example";
const stored = new Map();
const told = [];
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
const page = (id) => ({ id, postMessage: (message) => told.push([id, message]) });
globalThis.self = Object.assign(globalThis, { location: new URL(HERE), clients: { matchAll: async () => [page("here"), page("there")], get: async (id) => page(id) } });
const { belongsTo, empty, find, moment } = await import("./keeping");
const { cameAlong } = await import("./reads");
const { KEPT_AT, READS } = await import("./names");

const AT = Date.parse("Sun, 29 Nov 2026 09:12:00 GMT");
const me = (...teams) => JSON.stringify({ teams: teams.map((id) => ({ id })) });
const came = (at, answers) => cameAlong({ account: "maya", at, answers: Object.entries(answers).flat() }, "here");
const shown = (path) => find(READS, `${HERE}/api/v1${path}`);
const text = async (path) => (await shown(path))?.text();

test("it has the server's time, and what the worker has is not put back by it", async () => {
  await came(AT + 400, { "/volumes": "one", "/me": me("a") });
  assert.equal(Number((await shown("/volumes")).headers.get(KEPT_AT)), AT);
  await came(AT - 60_000, { "/volumes": "older" });
  assert.equal(await text("/volumes"), "one");
  await came(AT + 60_000, { "/volumes": "newer" });
  assert.equal(await text("/volumes"), "newer");
});

test("only what is kept of reads is kept of it", async () => {
  await came(AT, { "/me/tokens": "[]", "/admin/users": "[]" });
  assert.deepEqual([await text("/me/tokens"), await text("/admin/users")], [undefined, undefined]);
});

test("a team that was lost while the app was closed takes what was kept with it, also from the other windows", async () => {
  await came(AT + 30_000, { "/me": me("a", "b"), "/artifacts/1": "of team b" });
  told.length = 0;
  await came(AT + 120_000, { "/volumes": "what is left", "/me": me("a") });
  assert.equal(await text("/artifacts/1"), undefined);
  assert.deepEqual([await text("/volumes"), await text("/me")], ["what is left", me("a")]);
  assert.deepEqual(told, [["here", { lost: true, stale: false }], ["there", { lost: true, stale: true }]]);
  told.length = 0;
  await came(AT + 180_000, { "/me": me("a") });
  assert.deepEqual(told, []);
});

test("somebody who signs out meanwhile leaves nothing", async () => {
  await belongsTo("maya", moment());
  const coming = came(AT + 240_000, { "/me": me("a"), "/volumes": "hers" });
  await empty();
  await coming;
  assert.deepEqual([...stored.keys()].filter((name) => name.startsWith(READS)), []);
});
