// The audio thread's side of `playout.js`: µ-law in by messages, sound out, figures back five times a second.

import { FRAME_MS, JitterBuffer } from "./jitter_buffer.js";
import { FLOOR_DB, levelDb } from "./levels.js";
import { Resampler } from "./resampler.js";
import { decode } from "./ulaw.js";

const RATE_HZ = 8_000;
const FRAME_BYTES = (RATE_HZ * FRAME_MS) / 1000;
const SILENCE = new Float32Array(FRAME_BYTES);
const REPORT_EVERY = 10; // frames

class Playout extends AudioWorkletProcessor {
  constructor() {
    super();
    this._buffer = new JitterBuffer();
    this._resampler = new Resampler(RATE_HZ, sampleRate);
    this._ready = new Float32Array(0);
    this._level = FLOOR_DB;
    this._frames = 0;
    this._open = true;
    this.port.onmessage = ({ data }) => {
      if (data === null) this._open = false;
      else this._take(new Uint8Array(data));
    };
  }

  process(_inputs, [[output]]) {
    while (this._ready.length < output.length) this._refill();
    output.set(this._ready.subarray(0, output.length));
    this._ready = this._ready.slice(output.length);
    return this._open;
  }

  _take(bytes) {
    for (let at = 0; at < bytes.length; at += FRAME_BYTES) this._buffer.push(bytes.subarray(at, at + FRAME_BYTES));
  }

  _refill() {
    const frame = this._buffer.pull();
    const samples = frame ? decode(frame) : SILENCE;
    this._level = Math.max(this._level, levelDb(samples));
    const more = this._resampler.push(samples);
    const joined = new Float32Array(this._ready.length + more.length);
    joined.set(this._ready);
    joined.set(more, this._ready.length);
    this._ready = joined;
    this._frames += 1;
    if (this._frames % REPORT_EVERY === 0) this._report();
  }

  _report() {
    const { waiting, most, dropped, gaps } = this._buffer;
    this.port.postMessage({
      level: this._level,
      waitingMs: waiting * FRAME_MS,
      mostMs: most * FRAME_MS,
      droppedMs: dropped * FRAME_MS,
      gaps,
    });
    this._level = FLOOR_DB;
  }
}

registerProcessor("playout", Playout);
