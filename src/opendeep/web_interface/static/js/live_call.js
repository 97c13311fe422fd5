// What a user does to a live call from its row: listen, speak in the AI's place, tell the AI something, press keys, hang up.

import { CallSound } from "./call_sound.js";
import { fill, freshId, h, setText } from "./dom.js";
import { keypad, keypadButton } from "./keypad.js";
import { isLiveCall } from "./labels.js";
import { FLOOR_DB } from "./levels.js";
import { TakeOver, whyNot } from "./take_over.js";

const MAX_KEYS = 32; // in one order
const YOU_SPEAK = "You speak: the AI is silent until you give the call back.";

export class LiveCall {
  /** `order(callId, what, body)` resolves when the call has done it, and rejects with the reason. */
  constructor(order) {
    this._order = order;
    this._callId = null;
    this._sound = null;
    this._turn = null;
    this._keys = "";
    this._build();
  }

  /** Show the controls of this call, or none. */
  show(call) {
    const id = call && isLiveCall(call) ? call.id : null;
    if (id !== this._callId) {
      this._sound?.stop();
      this._callId = id;
      this._calm();
      setText(this._words, "");
    }
    this.node.hidden = id === null;
    const answered = Boolean(call?.answered_at);
    for (const part of [this._listen, this._speak, this._padButton, this._whisper]) part.hidden = !answered;
  }

  _build() {
    const id = freshId("whisper");
    this._listen = h("button", { class: "quiet", type: "button", "aria-pressed": "false" }, "Listen");
    this._listen.addEventListener("click", () => this._toggle());
    this._speak = h("button", { class: "quiet", type: "button" }, "Take over");
    this._speak.addEventListener("click", () => (this._turn?.on ? this._giveBack() : this._takeOver()));
    const pad = keypad((digit) => this._press(digit));
    this._padButton = keypadButton(pad);
    this._hangUp = h("button", { class: "quiet danger", type: "button" });
    this._hangUp.addEventListener("click", () => this._end());
    this._hangUp.addEventListener("blur", () => this._calm());
    const hint = "Only the AI hears this";
    this._input = h("input", { id, type: "text", maxlength: 1000, autocomplete: "off", placeholder: hint });
    this._tell = h("button", { class: "quiet", type: "submit" }, "Tell the AI");
    const label = h("label", { for: id, class: "visually-hidden" }, "What the AI should know");
    this._whisper = h("form", { class: "whisper" }, label, this._input, this._tell);
    this._whisper.addEventListener("submit", (event) => {
      event.preventDefault();
      this._say();
    });
    const level = (name) => h("meter", { min: FLOOR_DB, max: 0, value: FLOOR_DB, "aria-label": `Level of ${name}` });
    this._callee = level("the other side");
    this._ours = level("our side");
    this._levels = h("span", { class: "levels", hidden: true }, this._callee, this._ours);
    this._words = h("p", { class: "muted", role: "status" });
    this.node = h("div", { class: "live-call", hidden: true });
    const actions = [this._listen, this._speak, this._padButton, this._levels, this._hangUp];
    fill(this.node, h("div", { class: "actions" }, actions), pad, this._whisper, this._words);
    this._calm();
  }

  // -- listening

  _toggle() {
    if (this._sound) {
      this._sound.stop();
      return;
    }
    setText(this._words, "");
    this._open();
  }

  _open() {
    this._sound = new CallSound(this._callId, {
      onLevels: (levels) => {
        this._callee.value = levels.callee ?? FLOOR_DB;
        this._ours.value = levels.ours ?? FLOOR_DB;
      },
      onSpeaker: (speaker, you) => this._speaker(speaker, you),
      onEnd: (words) => {
        this._turn?.end();
        this._turn = null;
        this._sound = null;
        this._showListening(false);
        this._showTurn();
        setText(this._words, words);
      },
    });
    const callId = this._callId;
    this._turn = new TakeOver(this._sound, (what, body) => this._order(callId, what, body));
    this._showListening(true);
  }

  _showListening(on) {
    setText(this._listen, on ? "Stop listening" : "Listen");
    this._listen.setAttribute("aria-pressed", String(on));
    this._levels.hidden = !on;
  }

  // -- speaking in the AI's place

  async _takeOver() {
    if (!this._sound) this._open();
    const turn = this._turn;
    this._speak.disabled = true;
    setText(this._words, "Waiting for your microphone…");
    try {
      await turn.begin();
      if (this._turn !== turn) turn.end(); // the call ended meanwhile
      else setText(this._words, YOU_SPEAK);
    } catch (problem) {
      setText(this._words, whyNot(problem));
    } finally {
      this._speak.disabled = false;
      this._showTurn();
    }
  }

  async _giveBack() {
    const turn = this._turn;
    await this._do(this._speak, "The AI speaks again.", () => turn.giveBack());
    this._showTurn();
  }

  _speaker(who, you) {
    const over = this._turn.speaker(who, you);
    if (over) setText(this._words, "Your microphone was lost; the AI speaks again.");
    else if (who === "user") setText(this._words, you ? YOU_SPEAK : "The call was taken over on another page.");
    this._showTurn();
  }

  _showTurn() {
    const on = Boolean(this._turn?.on);
    setText(this._speak, on ? "Give back" : "Take over");
    this._tell.disabled = this._input.disabled = on;
  }

  // -- orders

  _press(digit) {
    const waiting = this._keys.length > 0;
    this._keys = (this._keys + digit).slice(0, MAX_KEYS);
    if (!waiting) this._sendKeys();
  }

  /** One order at a time; what is pressed meanwhile goes with the next. */
  async _sendKeys() {
    let sent = "";
    setText(this._words, "");
    try {
      while (this._keys.length > sent.length) {
        const digits = this._keys.slice(sent.length);
        await this._order(this._callId, "keys", { digits });
        sent += digits;
        setText(this._words, `Pressed ${sent}.`);
      }
    } catch (problem) {
      setText(this._words, problem.message);
    } finally {
      this._keys = "";
    }
  }

  async _say() {
    const text = this._input.value.trim();
    if (!text) return;
    const told = await this._do(this._tell, "The AI knows.", () => this._order(this._callId, "whisper", { text }));
    if (told) this._input.value = "";
  }

  async _end() {
    if (this._hangUp.dataset.sure !== "yes") {
      this._hangUp.dataset.sure = "yes";
      setText(this._hangUp, "Really hang up?");
      return;
    }
    this._calm();
    await this._do(this._hangUp, "", () => this._order(this._callId, "hang_up", {}));
  }

  _calm() {
    delete this._hangUp.dataset.sure;
    setText(this._hangUp, "Hang up");
  }

  /** True when it was done; says `words` then, and the reason when it was not. */
  async _do(button, words, action) {
    button.disabled = true;
    setText(this._words, "");
    try {
      await action();
      setText(this._words, words);
      return true;
    } catch (problem) {
      setText(this._words, problem.message);
      return false;
    } finally {
      button.disabled = false;
    }
  }
}
