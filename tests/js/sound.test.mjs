// µ-law, sample rates and the jitter buffer of the page, without a browser. Run by tests/unit/web_interface/test_page_scripts.py.

import assert from "node:assert/strict";
import { test } from "node:test";

import { JitterBuffer, MAX, SPARE, START, WINDOW } from "../../src/opendeep/web_interface/static/js/jitter_buffer.js";
import { FLOOR_DB, levelDb } from "../../src/opendeep/web_interface/static/js/levels.js";
import { Resampler } from "../../src/opendeep/web_interface/static/js/resampler.js";
import { decode, encode, SILENCE } from "../../src/opendeep/web_interface/static/js/ulaw.js";

const ALL = Uint8Array.from({ length: 256 }, (_, byte) => byte);

function sine(hz, rate, seconds, peak = 0.5) {
  return Float32Array.from({ length: rate * seconds }, (_, at) => peak * Math.sin((2 * Math.PI * hz * at) / rate));
}

/** The share of the power at `hz`, after the filters have settled. */
function share(samples, hz, rate) {
  const settled = samples.slice(rate / 20);
  let [real, imaginary, power] = [0, 0, 0];
  settled.forEach((sample, at) => {
    const angle = (2 * Math.PI * hz * at) / rate;
    real += sample * Math.cos(angle);
    imaginary += sample * Math.sin(angle);
    power += sample * sample;
  });
  return (2 * (real * real + imaginary * imaginary)) / (settled.length * power);
}

function inPieces(resampler, samples, size) {
  const output = [];
  for (let at = 0; at < samples.length; at += size) output.push(...resampler.push(samples.subarray(at, at + size)));
  return Float32Array.from(output);
}

test("every µ-law byte survives the way through samples; the two zeros are one", () => {
  const back = encode(decode(ALL));
  ALL.forEach((byte) => assert.equal(back[byte], byte === 0x7f ? SILENCE : byte));
});

test("µ-law by the table of G.711: ends of the scale, first steps, silence", () => {
  assert.deepEqual([...decode(Uint8Array.of(0x00, 0x80, 0xff, 0xfe, 0x7e))].map((s) => s * 32_768), [
    -32_124, 32_124, 0, 8, -8,
  ]);
  assert.deepEqual([...encode(Float32Array.of(0, 1, -1, 3, -3, Number.NaN))], [0xff, 0x80, 0x00, 0x80, 0x00, 0xff]);
});

test("µ-law is as near as its steps, at every level", () => {
  for (let peak = 1; peak > 0.001; peak /= 2) {
    const clean = sine(400, 8_000, 0.1, peak);
    const heard = decode(encode(clean));
    clean.forEach((sample, at) => assert.ok(Math.abs(sample - heard[at]) <= Math.abs(sample) / 16 + 0.0005));
  }
});

for (const [from, to] of [[48_000, 8_000], [44_100, 8_000], [16_000, 8_000], [8_000, 48_000], [8_000, 44_100], [8_000, 8_000]]) {
  test(`${from} Hz to ${to} Hz keeps a tone, its level and its length, in pieces of any size`, () => {
    const whole = new Resampler(from, to).push(sine(1_000, from, 1));
    assert.ok(Math.abs(whole.length - to) <= to / 100, `${whole.length} samples of ${to}`);
    assert.ok(share(whole, 1_000, to) > 0.999);
    assert.ok(Math.abs(levelDb(whole.slice(to / 20)) - levelDb(sine(1_000, from, 1))) < 0.2);
    assert.deepEqual(inPieces(new Resampler(from, to), sine(1_000, from, 1), 128), whole);
  });
}

test("what would fold back into speech is gone before the rate is lowered", () => {
  for (const hz of [5_000, 7_000, 9_000, 15_000]) {
    const left = new Resampler(48_000, 8_000).push(sine(hz, 48_000, 1));
    assert.ok(levelDb(left.slice(400)) < levelDb(sine(hz, 48_000, 1)) - 40, `${hz} Hz`);
  }
});

test("levels", () => {
  assert.equal(levelDb(new Float32Array(160)), FLOOR_DB);
  assert.equal(levelDb(new Float32Array(0)), FLOOR_DB);
  assert.ok(Math.abs(levelDb(sine(1_000, 8_000, 1, 1)) + 3.01) < 0.01);
});

test("the jitter buffer begins when enough is there, plays in order, and begins anew after it ran empty", () => {
  const buffer = new JitterBuffer();
  buffer.push(1);
  buffer.push(2);
  assert.equal(buffer.pull(), null);
  buffer.push(3);
  assert.deepEqual([buffer.pull(), buffer.pull(), buffer.pull(), buffer.pull()], [1, 2, 3, null]);
  buffer.push(4);
  assert.equal(buffer.pull(), null);
  assert.deepEqual([buffer.gaps, buffer.dropped, buffer.most], [1, 0, START]);
});

test("when it is full the oldest goes and is counted", () => {
  const buffer = new JitterBuffer();
  for (let at = 0; at <= MAX; at += 1) buffer.push(at);
  assert.deepEqual([buffer.waiting, buffer.dropped, buffer.pull()], [START, MAX + 1 - START, MAX + 1 - START]);
});

test("a network that stumbled once leaves no delay, and no gap", () => {
  const buffer = new JitterBuffer();
  for (let at = 0; at < 10; at += 1) buffer.push(at);
  for (let at = 0; at < 2 * WINDOW; at += 1) {
    buffer.push(at);
    assert.notEqual(buffer.pull(), null);
  }
  assert.ok(buffer.waiting <= SPARE + 1);
  assert.equal(buffer.gaps, 0);
});

test("a clock that runs fast builds up no delay in ten minutes", () => {
  const buffer = new JitterBuffer();
  let waited = 0;
  for (let at = 0; at < 30_000; at += 1) {
    buffer.push(at);
    if (at % 200 === 0) buffer.push(at); // 0.5 per cent, far more than clocks differ
    buffer.pull();
    waited += buffer.waiting;
  }
  assert.ok(buffer.most <= MAX);
  assert.ok(waited / 30_000 < 5, `${waited / 30_000} frames on average`);
});
