// The sound of the telephone in this page: loudspeaker, microphone and key tones on one AudioContext.

import { FLOOR_DB } from "./levels.js";
import { NoMicrophone, openMicrophone } from "./microphone.js";
import { openPlayout } from "./playout.js";
import { keyTone } from "./tones.js";

const LEVEL_EVERY = 5; // frames of 20 ms

export class Talk {
  /**
   * `onFrame(bytes)` for each 20 ms of microphone, `onLevel("caller" | "you", dBFS)`, `onFigures(figures)` of the
   * playout, `onLost()` when the microphone was taken away.
   */
  constructor({ onFrame, onLevel, onFigures, onLost }) {
    this._on = { frame: onFrame, level: onLevel, figures: onFigures, lost: onLost };
    this._frames = 0;
    this._stopped = false;
  }

  /** Call it from a click: browsers let sound begin only then. Resolves with what is missing, in words, else empty. */
  async open() {
    try {
      this._context = new AudioContext();
      this._playout = await openPlayout(this._context, (figures) => {
        this._on.level("caller", figures.level);
        this._on.figures(figures);
      });
    } catch (error) {
      return `The caller cannot be heard: ${error.message}.`;
    }
    return this._openMicrophone();
  }

  async _openMicrophone() {
    try {
      const microphone = await openMicrophone(this._context, {
        onFrame: (bytes, level) => this._spoken(bytes, level),
        onEnd: () => {
          this._on.level("you", FLOOR_DB);
          this._on.lost();
        },
      });
      if (this._stopped) microphone.stop();
      this._microphone = microphone;
      return "";
    } catch (error) {
      if (error instanceof NoMicrophone) return error.message;
      throw error;
    }
  }

  /** µ-law of the caller. */
  hear(bytes) {
    this._playout?.play(bytes);
  }

  key(digit) {
    keyTone(this._context, digit);
  }

  mute(on) {
    this._microphone?.mute(on);
  }

  stop() {
    if (this._stopped) return;
    this._stopped = true;
    this._microphone?.stop();
    this._playout?.stop();
    this._context?.close();
  }

  _spoken(bytes, level) {
    if (this._stopped) return;
    this._on.frame(bytes);
    this._frames += 1;
    if (this._frames % LEVEL_EVERY === 0) this._on.level("you", level);
  }
}
