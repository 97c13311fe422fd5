// Speaking in the AI's place in a live call: microphone, take over, give back. What is shown is `live_call.js`'s.

import { NoMicrophone, openMicrophone } from "./microphone.js";

export class TakeOver {
  /** `sound` is the call's open `CallSound`; `order(what, body)` resolves when the call has done it. */
  constructor(sound, order) {
    this._sound = sound;
    this._order = order;
    this._microphone = null;
    this._heard = false; // the call has said that this page speaks
  }

  /** The callee hears this page's microphone from now on. Rejects with a sentence. */
  async begin() {
    const microphone = await openMicrophone(this._sound.context, {
      onFrame: (bytes) => this._sound.speak(bytes),
      onEnd: () => this.end(),
    });
    try {
      await this._order("take_over", { listener: await this._sound.listener });
    } catch (problem) {
      microphone.stop();
      throw problem;
    }
    this._microphone = microphone;
    this._sound.hear("callee"); // nobody wants to hear themselves half a second later
  }

  /** The AI goes on; it is told what was said. Rejects with a sentence. */
  async giveBack() {
    await this._order("give_back", {});
    this.end();
  }

  /** The call says who speaks; true when that ended this take-over. */
  speaker(who, you) {
    const mine = who === "user" && you;
    const over = this._heard && !mine && this._microphone !== null;
    this._heard = mine;
    if (over) this.end();
    return over;
  }

  get on() {
    return this._microphone !== null;
  }

  /** Free the microphone; the call notices that it is silent and gives itself back. */
  end() {
    this._microphone?.stop();
    this._microphone = null;
    this._sound.hear("both");
  }
}

/** Why taking over did not work, in words. */
export function whyNot(problem) {
  return problem instanceof NoMicrophone ? `${problem.message} You can listen and press keys.` : problem.message;
}
