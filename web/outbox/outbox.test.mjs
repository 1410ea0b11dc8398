// What may be sent when, and what an answer means.
import assert from "node:assert/strict";
import test from "node:test";
import { exported, following, isUnsent, lookOf, mayEdit, newKey, pause, predecessor, ready, sentence, verdictOf } from "./change";
import { pass } from "./replay";
import { attempt, edit, inMemory, isFull, retry } from "./store";

const none = new Set();
const change = (seq, objects, more = {}) => ({ seq, objects, key: `k${seq}`, state: "waiting", holds: true, tries: 0, error: "", ...more });
const numbers = (changes, apart = none) => ready(changes, apart).map(({ seq }) => seq);
const answer = (status, headers = {}, text = "", redirected = false) => ({ status, headers: new Headers({ "x-llmos-account": "maya", ...headers }), text, redirected });
const wish = (objects, more = {}) => ({ objects, method: "POST", path: "/x", body: "{}", label: "A change", merge: "", holds: true, ...more });

test("one after the other for each object, objects beside each other", () => {
  const changes = [change(1, ["a"]), change(2, ["a"]), change(3, ["b"]), change(4, ["a", "b"]), change(5, ["c"])];
  assert.deepEqual(numbers(changes), [1, 3, 5]);
  assert.deepEqual(numbers(changes, new Set([1])), [3, 5]);
  assert.deepEqual(numbers(changes.slice(2), new Set([3])), [5]);
  assert.deepEqual(numbers(changes.slice(3)), [4, 5]);
});

test("what builds on a refusal waits; what does not goes on", () => {
  assert.deepEqual(numbers([change(1, ["a"], { state: "refused" }), change(2, ["a"])]), []);
  assert.deepEqual(numbers([change(1, ["a"], { state: "conflict" }), change(2, ["a"])]), []);
  assert.deepEqual(numbers([change(1, ["a"], { state: "refused", holds: false }), change(2, ["a"])]), [2]);
  // What waits holds in any case: order is order.
  assert.deepEqual(numbers([change(1, ["a"], { holds: false }), change(2, ["a"])], new Set([1])), []);
});

test("answers mean what they mean", () => {
  const what = (...given) => verdictOf(answer(...given)).what;
  assert.equal(verdictOf(undefined).what, "unreached");
  assert.equal(what(200), "done");
  assert.equal(what(204), "done");
  assert.equal(what(401), "signed-out");
  assert.equal(what(409), "conflict");
  assert.equal(what(409, { "retry-after": "1" }), "later");
  for (const status of [400, 403, 404, 410, 413, 415, 422]) assert.equal(what(status), "refused");
  for (const status of [408, 500, 502, 503]) assert.equal(what(status), "later");
  assert.deepEqual(verdictOf(answer(429, { "retry-after": "7" })), { what: "pause", error: "The server did not take it.", seconds: 7 });
  // Not our server: a network's sign-in page, a gateway without anybody behind it, a redirect.
  assert.equal(verdictOf({ status: 200, headers: new Headers(), text: "", redirected: false }).what, "unreached");
  assert.equal(what(200, { "content-type": "text/html; charset=utf-8" }), "unreached");
  assert.equal(what(200, {}, "", true), "unreached");
  assert.equal(what(0), "unreached");
  assert.equal(what(302), "unreached");
  assert.equal(verdictOf(answer(403, {}, '{"code":"forbidden","message":"Ask a maintainer."}')).error, "Ask a maintainer.");
  assert.equal(sentence("<html>"), sentence('{"message":3}'));
});

test("what arrived and is to be looked at holds up nothing, and goes when it was looked at", async () => {
  const store = inMemory();
  const text = JSON.stringify({ look: { message: "Both are in the draft.", address: "/artifacts/1?tab=diff" } });
  await store.add(wish(["artifact:1"]), "text");
  await store.add(wish(["artifact:1"]), "commit");
  const answers = { text: answer(200, {}, text), commit: answer(409, {}, '{"message":"Nothing was committed.","fields":{"1":"Somebody committed it.","2":7}}') };
  await pass({ store, send: async ({ key }) => answers[key], heard: () => undefined, over: () => false });
  const [looked, clash] = await store.all();
  assert.deepEqual([looked.state, looked.error, looked.merge, looked.body], ["look", "Both are in the draft.", "/artifacts/1?tab=diff", null]);
  assert.deepEqual([clash.state, clash.blocked], ["conflict", { 1: "Somebody committed it." }]);
  assert.deepEqual([isUnsent(looked), mayEdit(looked), isUnsent(clash), mayEdit(clash)], [false, false, true, true]);
  assert.equal(await retry(store, "text"), undefined);
  assert.equal(JSON.parse(exported(await store.all())).length, 1);
  assert.deepEqual((await edit(store, "commit", "{}")).blocked, {});
  // Of what the server says only a page of ours is gone to.
  for (const bad of ["", "[]", '{"look":{"message":"x"}}', '{"look":{"message":"x","address":"//elsewhere"}}', '{"look":{"message":"x","address":"javascript:1"}}']) assert.equal(lookOf(bad), undefined);
});

test("pauses grow up to a minute and differ", () => {
  assert.equal(pause(0, 0), 500);
  assert.equal(pause(0, 1), 1_000);
  assert.equal(pause(50, 1), 60_000);
  assert.ok(pause(3, 0.2) < pause(3, 0.9));
});

test("keys are UUIDs of version 7, also with a clock that is off", () => {
  for (const now of [0, -5, Date.now(), 4_102_444_800_000]) assert.match(newKey(now), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(newKey(0x0123456789ab).slice(0, 13), "01234567-89ab");
  assert.notEqual(newKey(1), newKey(1));
});

test("what may have arrived is not edited, and what was refused is sent under a new key", async () => {
  const store = inMemory();
  const { key } = await store.add(wish(["a"]), "k");
  const edited = await edit(store, key, "1");
  assert.deepEqual([edited.body, edited.key === key], ["1", false]);
  await attempt(store, edited.key);
  assert.equal(await edit(store, edited.key, "2"), undefined);
  assert.equal(await retry(store, edited.key), undefined);
  await store.update(edited.key, (one) => ({ ...one, state: "refused", error: "No." }));
  const again = await retry(store, edited.key);
  assert.deepEqual([again.state, again.error, again.tries, again.key === edited.key, mayEdit(again)], ["waiting", "", 0, false, true]);
  assert.equal(await attempt(store, edited.key), undefined);
});

test("a pass sends what it can, keeps what it cannot, and says why", async () => {
  const store = inMemory();
  for (const [key, objects] of [["new", ["s"]], ["said", ["s"]], ["bad", ["t"]], ["behind", ["t"]], ["busy", ["u"]], ["clash", ["v"]]]) await store.add(wish(objects), key);
  const answers = { new: answer(200), said: answer(201, {}, "{}"), bad: answer(404, {}, '{"message":"It is gone."}'), busy: answer(503), clash: answer(409) };
  const sent = [];
  const heard = [];
  const run = () => pass({ store, send: async ({ key }) => (sent.push(key), answers[key]), heard: ({ change, verdict }) => heard.push([change.key, verdict.what]), over: () => false });
  assert.deepEqual(await run(), { what: "again", after: 0 });
  assert.deepEqual(sent, ["new", "bad", "busy", "clash", "said"]);
  assert.deepEqual(Object.fromEntries(heard), { new: "done", said: "done", bad: "refused", busy: "later", clash: "conflict" });
  assert.deepEqual((await store.all()).map(({ key, state, error }) => [key, state, error]), [
    ["bad", "refused", "It is gone."],
    ["behind", "waiting", ""],
    ["busy", "waiting", "The server did not take it."],
    ["clash", "conflict", "The server did not take it."],
  ]);
  assert.match(exported(await store.all()), /"why": "It is gone\."/);
  answers.busy = undefined;
  assert.deepEqual(await run(), { what: "unreached" });
  answers.busy = answer(401);
  assert.deepEqual(await run(), { what: "signed-out" });
  answers.busy = answer(200);
  assert.deepEqual(await run(), { what: "empty" });
});

test("no more than four requests at once, and a thousand changes in seconds", async () => {
  const store = inMemory();
  for (let number = 0; number < 1_000; number += 1) await store.add(wish([`o${number % 50}`]), `k${number}`);
  let [now, most] = [0, 0];
  const sent = [];
  const began = performance.now();
  const send = async ({ key }) => {
    most = Math.max(most, (now += 1));
    await new Promise((done) => setImmediate(done));
    now -= 1;
    sent.push(key);
    return answer(200);
  };
  assert.deepEqual(await pass({ store, send, heard: () => undefined, over: () => false }), { what: "empty" });
  assert.deepEqual([most, new Set(sent).size], [4, 1_000]);
  for (let object = 0; object < 50; object += 1) {
    const order = sent.map((key) => Number(key.slice(1))).filter((number) => number % 50 === object);
    assert.deepEqual(order, order.toSorted((one, other) => one - other));
  }
  assert.ok(performance.now() - began < 10_000);
});

test("a full disk is told from other faults", () => {
  assert.ok(isFull(new DOMException("", "QuotaExceededError")));
  assert.ok(!isFull(new DOMException("", "InvalidStateError")) && !isFull(undefined));
});

test("of a text that is written on only the last state is sent, and nothing that may have arrived is replaced", async () => {
  const store = inMemory();
  const text = (of, more = {}) => wish(["artifact:1"], { path: "/artifacts/1/edits", latest: true, body: JSON.stringify({ text: of, base: "base", revision: "r", ...more }) });
  await store.add(text("one"), "k1");
  await store.add(text("two", { base: "one" }), "k2");
  const [only, ...more] = await store.all();
  assert.deepEqual([JSON.parse(only.body), only.key, more.length], [{ text: "two", base: "base", revision: "r" }, "k2", 0]);
  // A commit holds what was written until then.
  await store.add(wish(["artifact:1"], { path: "/commits" }), "k3");
  await store.add(text("three", { base: "two" }), "k4");
  assert.deepEqual((await store.all()).map(({ key }) => key), ["k2", "k3", "k4"]);
  await attempt(store, "k4");
  await store.add(text("four", { base: "three" }), "k5");
  assert.deepEqual(JSON.parse((await store.all()).at(-1).body), { text: "four", base: "three", revision: "r" });
  // Updates hold all that those before them held.
  await attempt(store, "k5");
  await store.add(text("five", { update: "AAA=", base: undefined, revision: undefined }), "k6");
  assert.deepEqual((await store.all()).map(({ key }) => key), ["k2", "k3", "k4", "k6"]);
  assert.equal(predecessor(await store.all(), { ...text("x"), latest: false }), undefined);
  assert.equal(following({ body: "{}" }, '{"text":"a","base":"b"}'), '{"text":"a","base":"b"}');
});
