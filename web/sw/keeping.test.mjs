// The caches of accounts, on caches as the browser's are: only what is used of them.
import assert from "node:assert/strict";
import test from "node:test";

const stored = new Map();
globalThis.caches = {
  keys: async () => [...stored.keys()],
  has: async (name) => stored.has(name),
  delete: async (name) => stored.delete(name),
  async open(name) {
    if (!stored.has(name)) stored.set(name, new Map());
    const cache = stored.get(name);
    return {
      put: async (url, answer) => void cache.set(url, answer),
      match: async (url) => cache.get(url)?.clone(),
      delete: async (asked) => cache.delete(asked.url ?? asked),
      keys: async () => [...cache.keys()].map((url) => ({ url })),
      matchAll: async () => [...cache.values()].map((answer) => answer.clone()),
    };
  },
  match: async (url, { cacheName }) => stored.get(cacheName)?.get(url)?.clone(),
};
const { belongsTo, drop, empty, find, keep, moment, put, seen, store, unsee, whose } = await import("./keeping");
const { ASSETS, PICTURES, READS, SHARED } = await import("./names");

const answer = (text) => new Response(text, { headers: { "content-type": "application/json" } });
const shown = async (url) => (await find(READS, url))?.text();

test("each account finds its own, and another one's goes", async () => {
  await belongsTo("maya", moment());
  await keep(READS, "maya", "/a", answer("hers"), moment());
  assert.equal(await shown("/a"), "hers");
  await belongsTo("maya", moment());
  assert.equal(await shown("/a"), "hers");
  await belongsTo("tomas", moment());
  assert.equal(await whose(), "tomas");
  assert.equal(await shown("/a"), undefined);
  assert.ok(!stored.has(`${READS}maya`));
});

test("an answer of nobody empties them; one without a word does not", async () => {
  await belongsTo("maya", moment());
  await keep(READS, "maya", "/a", answer("hers"), moment());
  await belongsTo(null, moment());
  assert.equal(await shown("/a"), "hers");
  await belongsTo("-", moment());
  assert.equal(await whose(), "");
  assert.deepEqual([...stored.keys()].filter((name) => name.startsWith(READS)), []);
});

test("what was on its way when somebody signed out is not kept, and says of nobody that they are here", async () => {
  await belongsTo("maya", moment());
  const began = moment();
  await empty();
  await keep(READS, "maya", "/a", answer("late"), began);
  await belongsTo("maya", began);
  assert.equal(await whose(), "");
  assert.ok(!stored.has(`${READS}maya`));
});

test("what one may not see any more goes by itself", async () => {
  await belongsTo("maya", moment());
  await keep(READS, "maya", "/a", answer("hers"), moment());
  await keep(READS, "maya", "/b", answer("hers too"), moment());
  await drop("/a");
  assert.equal(await shown("/a"), undefined);
  assert.equal(await shown("/b"), "hers too");
});

test("how much was seen is counted, and goes but for the frame", async () => {
  await empty();
  await belongsTo("maya", moment());
  assert.deepEqual(await seen(), { answers: 0, bytes: 0, oldest: 0 });
  const dated = (text, date) => new Response(text, { headers: { "content-type": "application/json", date } });
  await keep(READS, "maya", "https://harbor.example/api/v1/me", dated("1234", "Sun, 29 Nov 2026 09:12:00 GMT"), moment());
  await keep(READS, "maya", "https://harbor.example/api/v1/artifacts/1", dated("12345678", "Sat, 28 Nov 2026 09:12:00 GMT"), moment());
  assert.deepEqual(await seen(), { answers: 2, bytes: 12, oldest: Date.parse("Sat, 28 Nov 2026 09:12:00 GMT") });
  await unsee();
  assert.deepEqual(await seen(), { answers: 1, bytes: 4, oldest: Date.parse("Sun, 29 Nov 2026 09:12:00 GMT") });
});

test("a full disk makes room: pictures and the rest of the build go first", async () => {
  await belongsTo("maya", moment());
  await put(`${PICTURES}maya`, "/p", answer("a picture"));
  await put(ASSETS, "/a", answer("a file"));
  const { open } = caches;
  caches.open = async (name) => {
    const cache = await open(name);
    const room = () => !stored.has(`${PICTURES}maya`) && !stored.has(ASSETS);
    return { ...cache, put: async (url, answer) => (room() ? cache.put(url, answer) : Promise.reject(new DOMException("", "QuotaExceededError"))) };
  };
  // What nobody opened yet is not worth that.
  await assert.rejects(store(ASSETS, "/b", answer("another file")), { name: "QuotaExceededError" });
  assert.ok(stored.has(`${PICTURES}maya`) && stored.has(ASSETS));
  await put(`${READS}maya`, "/r", answer("read"));
  assert.equal(await shown("/r"), "read");
  assert.ok(!stored.has(`${PICTURES}maya`) && !stored.has(ASSETS));
  // No room at all: nothing is kept, and nothing breaks.
  caches.open = async (name) => ({ ...(await open(name)), put: async () => Promise.reject(new DOMException("", "QuotaExceededError")) });
  await put(`${READS}maya`, "/more", answer("more"));
  assert.equal(await shown("/more"), undefined);
  Object.assign(caches, { open });
});

test("what was shared before one signed in is there after it, and not for the next one", async () => {
  await belongsTo("-", moment());
  await put(SHARED, "/shared/1", answer("a link"));
  await belongsTo("maya", moment());
  assert.ok(stored.get(SHARED)?.has("/shared/1"));
  await belongsTo("tomas", moment());
  assert.ok(!stored.has(SHARED));
});
