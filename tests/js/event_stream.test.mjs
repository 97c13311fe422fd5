// Server-sent events, however their text is cut.

import assert from "node:assert/strict";
import { test } from "node:test";

import { EventReader } from "../../src/opendeep/web_interface/static/js/event_stream.js";

const TEXT =
  'event: opened\ndata: {"chat_id":"1"}\n\n: waiting\n\nevent: text\ndata: {"text":"a\\n\\nb"}\n\nevent: reply\ndata: {}\n\n';
const EVENTS = [
  { kind: "opened", data: { chat_id: "1" } },
  { kind: "text", data: { text: "a\n\nb" } },
  { kind: "reply", data: {} },
];

test("the same events for every cut", () => {
  for (let size = 1; size <= TEXT.length; size += 1) {
    const reader = new EventReader();
    const events = [];
    for (let at = 0; at < TEXT.length; at += size) events.push(...reader.feed(TEXT.slice(at, at + size)));
    assert.deepEqual(events, EVENTS);
  }
});

test("what is not complete waits", () => {
  const reader = new EventReader();
  assert.deepEqual(reader.feed('event: text\ndata: {"text":"a"}\n'), []);
  assert.deepEqual(reader.feed("\n"), [{ kind: "text", data: { text: "a" } }]);
});
