// When the document socket comes back.
import assert from "node:assert/strict";
import test from "node:test";
import { pause } from "./connection";

test("pauses grow up to half a minute, and nobody comes back sooner than half of the first", () => {
  assert.equal(pause(0, 0.5), 500);
  assert.equal(pause(0, 1), 750);
  assert.equal(pause(3, 1), 4_250);
  assert.equal(pause(60, 1), 30_000);
  for (const attempts of [0, 1, 3, 60]) assert.equal(pause(attempts, 0), 250);
});

test("those who were cut off together are apart from the first try on", () => {
  for (const attempts of [0, 1, 3, 60]) assert.ok(pause(attempts, 0.1) + 40 < pause(attempts, 0.2));
});
