// An analysis' flags and mood in words, with the turns that show them.

import assert from "node:assert/strict";
import test from "node:test";

import { qualitySentences } from "../../src/opendeep/web_interface/static/js/call_quality.js";

test("flags and mood become sentences with their turns", () => {
  const analysis = {
    sentiment: { mood: "positive", turns: [4] },
    quality: [
      { flag: "dead_air", by: "rows", turns: [3, 5], ms: 2345 },
      { flag: "something_new", by: "model", turns: [2] },
    ],
  };
  assert.deepEqual(qualitySentences(analysis), [
    "the callee sounded friendly (turn 4)",
    "we were silent for too long, up to 2.3 s (turns 3, 5)",
    "something_new (turn 2)",
  ]);
});

test("analyses of earlier versions, and calls without one, say nothing", () => {
  assert.deepEqual(qualitySentences({ summary: "Done." }), []);
  assert.deepEqual(qualitySentences(null), []);
});
