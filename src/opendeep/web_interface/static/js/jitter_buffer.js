// What came over the network and was not heard yet: frames of 20 ms whose waiting time does not grow. Pure.
//
// Playing begins with START frames, and again so after it has run empty. Beyond MAX frames the oldest go, down to START;
// and what was never needed in WINDOW frames goes too, so that a clock that differs and a network that stumbled once
// leave no delay.

export const FRAME_MS = 20;
export const START = 3;
export const MAX = 15;
export const SPARE = 2;
export const WINDOW = 100;

export class JitterBuffer {
  constructor() {
    this._frames = [];
    this._playing = false;
    this._least = MAX;
    this._pulls = 0;
    this.dropped = 0; // frames that were given up
    this.gaps = 0; // how often it ran empty
    this.most = 0; // frames that waited at once
  }

  get waiting() {
    return this._frames.length;
  }

  push(frame) {
    this._frames.push(frame);
    if (this._frames.length > MAX) this._drop(this._frames.length - START);
    this.most = Math.max(this.most, this._frames.length);
  }

  /** The next frame, null while there is nothing to play. */
  pull() {
    if (!this._playing && this._frames.length < START) return null;
    const frame = this._frames.shift() ?? null;
    this._playing = frame !== null;
    if (!this._playing) this.gaps += 1;
    this._lookBack();
    return frame;
  }

  _lookBack() {
    this._least = Math.min(this._least, this._frames.length);
    this._pulls += 1;
    if (this._pulls < WINDOW) return;
    if (this._least > SPARE) this._drop(this._least - SPARE);
    this._least = MAX;
    this._pulls = 0;
  }

  _drop(count) {
    this._frames.splice(0, count);
    this.dropped += count;
  }
}
