// Reads and pictures as the worker answers them, on caches and a server as they are used of it.
import assert from "node:assert/strict";
import test from "node:test";

const HERE = "https://harbor.example";
const stored = new Map();
const absolute = (asked) => new URL(asked.url ?? asked, HERE).href;
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
const told = [];
const page = { id: "here", postMessage: (message) => told.push(message) };
let open = [page];
globalThis.self = Object.assign(globalThis, { location: new URL(HERE), clients: { matchAll: async () => open, get: async () => page } });

/** What the server does with each path: a text, an error, or nothing for ever. */
const server = new Map();
let asked = [];
globalThis.fetch = async ({ url }) => {
  const { pathname } = new URL(url);
  asked.push(pathname);
  const does = server.get(pathname);
  if (does === "hangs") return new Promise(() => undefined);
  if (does === undefined) throw new TypeError("no network");
  const headers = { "content-type": does.type ?? "application/json", date: "Sun, 29 Nov 2026 09:12:00 GMT", ...(does.foreign ? {} : { "x-llmos-account": "maya" }) };
  return Object.defineProperty(new Response(does.text, { status: does.status ?? 200, headers }), "type", { value: "basic" });
};
// The limit of a server that hangs is not waited for here: it is over when a test says so.
let late = () => undefined;
const timers = globalThis.setTimeout;
globalThis.setTimeout = (act, after, ...more) => (after === 8_000 ? void (late = act) : timers(act, after, ...more));

const { belongsTo, moment } = await import("./keeping");
const { picture, read, standing } = await import("./reads");
const { KEPT_AT } = await import("./names");

/** Asks as a page does; gives the answer, and what waits for all that goes on behind it, which may be more by then. */
function asking(path, answers = read, clientId = "here") {
  const behind = [];
  const event = { request: { url: HERE + path, clone: () => event.request }, clientId, waitUntil: (work) => behind.push(work) };
  const answer = answers(event);
  const done = async () => {
    await answer.catch(() => undefined);
    for (const work of behind) await Promise.resolve(work).catch(() => undefined);
  };
  return { answer, done };
}

async function asks(path, answers) {
  const { answer, done } = asking(path, answers);
  const found = await answer;
  const text = found.type === "error" ? "none" : await found.clone().text();
  await done();
  return { text, keptAt: found.headers.get(KEPT_AT) };
}

test("a page that was told of something old by a worker that was stopped learns from the next one that it is not any more", async () => {
  await belongsTo("maya", moment());
  server.set("/api/v1/volumes", { text: "one" });
  await asks("/api/v1/volumes");
  assert.deepEqual(told, [{ keptAt: null }]);
  await asks("/api/v1/volumes");
  assert.equal(told.length, 1);
});

test("the server first, and what was kept where it is out of reach, with its age", async () => {
  await belongsTo("maya", moment());
  server.set("/api/v1/volumes", { text: "one" });
  assert.deepEqual(await asks("/api/v1/volumes"), { text: "one", keptAt: null });
  server.delete("/api/v1/volumes");
  const at = Date.parse("Sun, 29 Nov 2026 09:12:00 GMT");
  assert.deepEqual(await asks("/api/v1/volumes"), { text: "one", keptAt: String(at) });
  assert.deepEqual(told.at(-1), { keptAt: at });
  server.set("/api/v1/volumes", { text: "two" });
  assert.equal((await asks("/api/v1/volumes")).text, "two");
  assert.deepEqual(told.at(-1), { keptAt: null });
  assert.equal((await asks("/api/v1/teams")).text, "none");
});

test("it is asked at once, and a server that hangs has its time", async () => {
  server.set("/api/v1/volumes", "hangs");
  asked = [];
  const { answer } = asking("/api/v1/volumes");
  // In the same turn: nothing that is kept was looked for yet.
  assert.deepEqual(asked, ["/api/v1/volumes"]);
  late();
  assert.equal(await (await answer).text(), "two");
  // With nothing older to show it is waited for.
  server.set("/api/v1/teams", "hangs");
  const waiting = asking("/api/v1/teams");
  late();
  const first = await Promise.race([waiting.answer, new Promise((done) => timers(() => done("waits"), 50))]);
  assert.equal(first, "waits");
});

test("what stands before the server is no answer, and what may not be seen any more is not kept", async () => {
  server.set("/api/v1/volumes", { text: "<form>", type: "text/html", foreign: true });
  assert.equal((await asks("/api/v1/volumes")).text, "two");
  server.set("/api/v1/volumes", { text: "{}", status: 403 });
  assert.equal((await asks("/api/v1/volumes")).text, "{}");
  server.delete("/api/v1/volumes");
  assert.equal((await asks("/api/v1/volumes")).text, "none");
});

test("a picture is here at once, and the server's is for the next time", async () => {
  const path = "/avatars/maya/1";
  server.set(path, { text: "old", type: "image/webp" });
  assert.equal((await asks(path, picture)).text, "old");
  server.set(path, { text: "new", type: "image/webp" });
  assert.equal((await asks(path, picture)).text, "old");
  assert.equal((await asks(path, picture)).text, "new");
  server.delete(path);
  assert.equal((await asks(path, picture)).text, "new");
});

test("a page that was closed is forgotten when another one comes", async () => {
  server.set("/api/v1/volumes", { text: "one" });
  await asks("/api/v1/volumes");
  server.delete("/api/v1/volumes");
  for (const [id, of] of [["first", Date.parse("Sun, 29 Nov 2026 09:12:00 GMT")], ["second", null]]) {
    open = [page, { id }];
    await asking("/api/v1/volumes", read, id).done();
    assert.equal(standing("first"), of);
  }
});
