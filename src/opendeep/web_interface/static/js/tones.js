// The sounds of the telephone itself: the ring, and what a key sounds like. Made here, not loaded.

const RING_HZ = [440, 480];
const RING_ON_S = 2;
const RING_PERIOD_S = 6;
const RINGS = 30; // three minutes; nobody rings longer
const RING_GAIN = 0.12;
const KEY_GAIN = 0.06;
const KEY_S = 0.12;
const RAMP_S = 0.02;
const ROWS_HZ = [697, 770, 852, 941];
const COLUMNS_HZ = [1209, 1336, 1477];
const KEYS = "123456789*0#";

function oscillators(context, frequencies, gain) {
  return frequencies.map((frequency) => {
    const tone = context.createOscillator();
    tone.frequency.value = frequency;
    tone.connect(gain);
    return tone;
  });
}

/** Rings until it is stopped. A browser that was not touched yet keeps quiet until it is. */
export class Ring {
  constructor() {
    this._context = new AudioContext();
    this._wake = () => this._context.resume();
    for (const sign of ["pointerdown", "keydown"]) document.addEventListener(sign, this._wake);
    const gain = this._context.createGain();
    gain.gain.value = 0;
    gain.connect(this._context.destination);
    const begin = this._context.currentTime + RAMP_S;
    for (let ring = 0; ring < RINGS; ring += 1) {
      const on = begin + ring * RING_PERIOD_S;
      gain.gain.setTargetAtTime(RING_GAIN, on, RAMP_S);
      gain.gain.setTargetAtTime(0, on + RING_ON_S, RAMP_S);
    }
    for (const tone of oscillators(this._context, RING_HZ, gain)) tone.start();
  }

  stop() {
    for (const sign of ["pointerdown", "keydown"]) document.removeEventListener(sign, this._wake);
    this._context.close();
  }
}

/** The two frequencies of a key, played on this side only. */
export function keyTone(context, key) {
  const place = KEYS.indexOf(key);
  if (place < 0) return;
  const gain = context.createGain();
  const now = context.currentTime;
  gain.gain.value = KEY_GAIN;
  gain.gain.setTargetAtTime(0, now + KEY_S - RAMP_S, RAMP_S / 3);
  gain.connect(context.destination);
  const pair = [ROWS_HZ[Math.floor(place / 3)], COLUMNS_HZ[place % 3]];
  for (const tone of oscillators(context, pair, gain)) {
    tone.start();
    tone.stop(now + KEY_S);
  }
}
