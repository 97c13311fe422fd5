// A long CSV file in parts: no line is lost, and each part says where it stands in the file.

import assert from "node:assert/strict";
import test from "node:test";

import { parts } from "../../src/opendeep/web_interface/static/js/pages/text_parts.js";

test("a short text is one part", () => {
  assert.deepEqual(parts("a\nb"), [{ text: "a\nb", firstLine: 1 }]);
});

test("each later part begins with the heading, and its line numbers are those of the file", () => {
  const lines = ["phone", ...Array.from({ length: 50 }, (_, n) => `+120255501${String(n).padStart(2, "0")}`)];
  const found = parts(lines.join("\n"), 100);
  assert.ok(found.length > 3);
  const places = new Map();
  for (const { text, firstLine } of found) {
    assert.ok(text.length <= 100 + "phone\n".length);
    text.trimEnd().split("\n").forEach((line, place) => line !== "phone" && places.set(line, firstLine + place));
    assert.equal(text.split("\n")[0], "phone");
  }
  lines.forEach((line, place) => line !== "phone" && assert.equal(places.get(line), place + 1));
});
