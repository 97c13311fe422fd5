// What leads the page's telephone from one state to the next, and what it says.

import assert from "node:assert/strict";
import { test } from "node:test";

import { callerName, next, whyStopped } from "../../src/opendeep/web_interface/static/js/phone_state.js";

const STATES = ["idle", "ringing", "answering", "talking"];
const run = (...events) => events.reduce((state, event) => next(state, event) ?? state, "idle");

test("a call from its ring to its end", () => {
  assert.equal(run("ring"), "ringing");
  assert.equal(run("ring", "answer"), "answering");
  assert.equal(run("ring", "answer", "connected"), "talking");
  assert.equal(run("ring", "answer", "connected", "ended"), "idle");
});

test("declined, given up, answered elsewhere, also while the browser asks for the microphone", () => {
  for (const event of ["decline", "stopped"]) {
    assert.equal(run("ring", event), "idle");
    assert.equal(run("ring", "answer", event), "idle");
  }
});

test("a lost connection ends everything", () => {
  for (const state of STATES.slice(1)) assert.equal(next(state, "lost"), "idle");
});

test("events out of place mean nothing", () => {
  assert.equal(run("connected"), "idle");
  assert.equal(run("answer"), "idle");
  assert.equal(run("ring", "ended"), "ringing");
  assert.equal(run("ring", "answer", "connected", "ring"), "talking");
  assert.equal(run("ring", "answer", "connected", "decline"), "talking");
});

test("callers and reasons in words", () => {
  assert.equal(callerName({ name: "OpenDeep", number: "100" }), "OpenDeep, 100");
  assert.equal(callerName({ name: "", number: "100" }), "100");
  assert.equal(callerName(undefined), "OpenDeep, without a caller ID");
  assert.equal(whyStopped("caller_gave_up", { number: "100" }), "Missed call: 100.");
  assert.equal(whyStopped("declined"), "");
  assert.notEqual(whyStopped("gone"), whyStopped("answered_elsewhere"));
});
