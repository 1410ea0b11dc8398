import assert from "node:assert/strict";
import test from "node:test";
import { ask } from "./index";
import { nothing, offers, read, visited } from "./offer";
import { colourOf } from "./theme";
import { asOf } from "./words";

test("the bar has the page's colour, and the system's where that decides", () => {
  for (const system of [true, false]) assert.deepEqual([colourOf("dark", system), colourOf("light", system)], ["#0a0e14", "#fafbfc"]);
  assert.deepEqual([colourOf("auto", true), colourOf("auto", false), colourOf(undefined, false)], ["#0a0e14", "#fafbfc", "#fafbfc"]);
});

test("it is offered on the third day, twice at most, a month apart", () => {
  let remembered = nothing();
  for (const day of [1, 1, 1, 2]) {
    remembered = visited(remembered, day);
    assert.equal(offers(remembered, day, true), false);
  }
  remembered = visited(remembered, 9);
  assert.equal(offers(remembered, 9, false), false);
  assert.equal(offers(remembered, 9, true), true);
  const once = { ...remembered, offered: 1, last: 9 };
  assert.equal(offers(once, 20, true), false);
  assert.equal(offers(once, 39, true), true);
  assert.equal(offers({ ...once, offered: 2 }, 400, true), false);
});

test("what is remembered may be anything", () => {
  for (const text of [null, "", "{", "[]", "null", '{"days":"x","offered":"y"}']) assert.deepEqual(read(text), nothing());
  assert.deepEqual(read('{"days":[1,2],"offered":1,"last":2}'), { days: [1, 2], offered: 1, last: 2 });
});

test("times are of today, or have their day", () => {
  const now = Date.parse("2026-11-29T09:30:00Z");
  assert.equal(asOf(Date.parse("2026-11-29T09:12:00Z"), now, "UTC"), "As of 09:12");
  assert.equal(asOf(Date.parse("2026-11-26T09:12:00Z"), now, "UTC"), "As of 26 Nov, 09:12");
  assert.equal(asOf(Date.parse("2026-11-28T23:12:00Z"), now, "Asia/Tokyo"), "As of 08:12");
});

test("whoever wants the newer version has it when its worker took over, and where the one before does not give way", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const told = [];
  const serviceWorker = Object.assign(new EventTarget(), { register: async () => ({ waiting: { postMessage: (what) => told.push(what) } }) });
  let loaded = 0;
  for (const [name, value] of Object.entries({ navigator: { serviceWorker }, location: { reload: () => (loaded += 1) } })) Object.defineProperty(globalThis, name, { configurable: true, value });

  assert.equal(await ask('{"act":"apply"}'), "true");
  assert.deepEqual([told, loaded], [[{ act: "apply" }], 0]);
  serviceWorker.dispatchEvent(new Event("controllerchange"));
  t.mock.timers.tick(60_000);
  assert.equal(loaded, 1);

  await ask('{"act":"apply"}');
  t.mock.timers.tick(9_000);
  assert.equal(loaded, 1);
  t.mock.timers.tick(1_000);
  assert.equal(loaded, 2);
});
