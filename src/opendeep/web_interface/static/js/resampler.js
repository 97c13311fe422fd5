// Changes the sample rate of a stream by a windowed sinc in as many phases as the ratio needs. Pure.

const ZERO_CROSSINGS = 12; // on each side of a phase's middle
const PASSBAND = 0.9; // of the lower rate's half: what is above must be gone where it would fold back

function divisor(a, b) {
  return b === 0 ? a : divisor(b, a % b);
}

/** One phase of the filter: the weights of `2 * half` input samples around a point `offset` (0 to 1) after the middle. */
function phase(offset, half, cutoff) {
  const weights = new Float32Array(2 * half);
  let sum = 0;
  for (let at = 0; at < weights.length; at += 1) {
    const distance = at - (half - 1) - offset;
    const x = Math.PI * cutoff * distance;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / (half + 1));
    weights[at] = (x === 0 ? 1 : Math.sin(x) / x) * window;
    sum += weights[at];
  }
  return weights.map((weight) => weight / sum);
}

export class Resampler {
  /** Rates in Hz, whole numbers. */
  constructor(from, to) {
    const common = divisor(from, to);
    this._step = from / common; // input samples, in units of 1 / `_phases`, from one output sample to the next
    this._phases = to / common;
    const cutoff = Math.min(1, to / from) * PASSBAND;
    this._half = Math.ceil(ZERO_CROSSINGS / cutoff);
    this._filters = Array.from({ length: this._phases }, (_, at) => phase(at / this._phases, this._half, cutoff));
    this._waiting = new Float32Array(2 * this._half - 1); // begins with silence before the first sample
    this._at = 0; // of the next output sample's first weight in `_waiting`, in units of 1 / `_phases`
  }

  /** Take input samples; return the output samples that are complete by now. */
  push(samples) {
    const input = new Float32Array(this._waiting.length + samples.length);
    input.set(this._waiting);
    input.set(samples, this._waiting.length);
    const output = [];
    let first = Math.floor(this._at / this._phases);
    while (first + 2 * this._half <= input.length) {
      const weights = this._filters[this._at % this._phases];
      let sum = 0;
      for (let at = 0; at < weights.length; at += 1) sum += weights[at] * input[first + at];
      output.push(sum);
      this._at += this._step;
      first = Math.floor(this._at / this._phases);
    }
    const used = Math.min(first, input.length);
    this._waiting = input.slice(used);
    this._at -= used * this._phases;
    return Float32Array.from(output);
  }
}
