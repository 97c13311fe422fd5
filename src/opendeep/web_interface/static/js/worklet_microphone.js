// The audio thread's side of `microphone.js`: the microphone in, µ-law frames of 20 ms with their level out.

import { levelDb } from "./levels.js";
import { Resampler } from "./resampler.js";
import { encode } from "./ulaw.js";

const RATE_HZ = 8_000;
const FRAME_SAMPLES = 160;

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this._resampler = new Resampler(sampleRate, RATE_HZ);
    this._frame = new Float32Array(FRAME_SAMPLES);
    this._filled = 0;
    this._open = true;
    this.port.onmessage = () => {
      this._open = false;
    };
  }

  process([input]) {
    if (input.length > 0) this._take(this._resampler.push(input[0]));
    return this._open;
  }

  _take(samples) {
    for (const sample of samples) {
      this._frame[this._filled] = sample;
      this._filled += 1;
      if (this._filled === FRAME_SAMPLES) this._send();
    }
  }

  _send() {
    const bytes = encode(this._frame);
    this.port.postMessage({ audio: bytes, level: levelDb(this._frame) }, [bytes.buffer]);
    this._filled = 0;
  }
}

registerProcessor("microphone", Microphone);
