// Plots: bars in proportion, rates with their share, outcomes by tone. The drawing itself is looked at in the browser.

import assert from "node:assert/strict";
import test from "node:test";

import { layOut } from "../../src/opendeep/web_interface/static/js/plots.js";
import { outcomeRows, rateRows, spendRows } from "../../src/opendeep/web_interface/static/js/series_plots.js";

const row = (...values) => ({ name: "x", parts: values.map((value) => ({ value, tone: "good", title: "" })) });

test("stacked bars stand on each other and the highest row fills the room", () => {
  const [low, high, other] = layOut([row(3, 1), row(2)], { stacked: true });
  assert.equal(low.height, 3 * high.height);
  assert.ok(Math.abs(high.y + high.height - low.y) < 1e-9);
  assert.equal(high.y, 16);
  assert.ok(Math.abs(other.height - (low.height + high.height) / 2) < 1e-9);
  assert.ok(other.x > low.x + low.width);
});

test("bars in front of each other share a foot", () => {
  const [calls, answered] = layOut([row(4, 1)], { stacked: false });
  assert.equal(calls.height, 4 * answered.height);
  assert.equal(calls.y + calls.height, answered.y + answered.height);
});

test("nothing is no plot and no division by zero", () => {
  assert.deepEqual(layOut([], { stacked: true }), []);
  assert.equal(layOut([row(0)], { stacked: false })[0].height, 0);
});

test("rates say their share only where there were calls", () => {
  const rows = rateRows([{ hour: 9, calls: 3, answered: 1 }, { hour: 10, calls: 0, answered: 0 }], (one) => String(one.hour));
  assert.deepEqual(rows.map((one) => [one.name, one.note]), [["9", "33 %"], ["10", ""]]);
});

test("outcomes have tones and words, also those not read yet", () => {
  const [day] = outcomeRows([{ day: "2026-11-02", outcomes: { ACHIEVED: 2, UNREAD: 1, OPTED_OUT: 1 } }]);
  assert.equal(day.name, "11/02");
  assert.deepEqual(day.parts.map((part) => [part.tone, part.title]), [
    ["back", "Not read yet: 1"],
    ["bad", "Do not call again: 1"],
    ["good", "Achieved: 2"],
  ]);
});

test("spend keeps the two currencies apart", () => {
  const days = [{ day: "2026-11-02", telephony: 1.5, voice_usd: 0.25 }];
  assert.deepEqual(spendRows(days, "telephony", (sum) => sum.toFixed(2))[0].parts[0].title, "1.50");
  assert.equal(spendRows(days, "voice_usd", String)[0].parts[0].value, 0.25);
});
