// What a user does to a live call from its row: listen, tell the AI something, hang up.

import { CallSound } from "./call_sound.js";
import { fill, freshId, h, setText } from "./dom.js";
import { isLiveCall } from "./labels.js";

const FLOOR_DB = -60;

export class LiveCall {
  /** `order(callId, what, body)` resolves when the call has done it, and rejects with the reason. */
  constructor(order) {
    this._order = order;
    this._callId = null;
    this._sound = null;
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
    this._listen.hidden = !answered;
    this._whisper.hidden = !answered;
  }

  _build() {
    const id = freshId("whisper");
    this._listen = h("button", { class: "quiet", type: "button", "aria-pressed": "false" }, "Listen");
    this._listen.addEventListener("click", () => this._toggle());
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
    fill(this.node, h("div", { class: "actions" }, this._listen, this._levels, this._hangUp), this._whisper, this._words);
    this._calm();
  }

  _toggle() {
    if (this._sound) {
      this._sound.stop();
      return;
    }
    setText(this._words, "");
    this._sound = new CallSound(this._callId, {
      onLevels: (levels) => {
        this._callee.value = levels.callee ?? FLOOR_DB;
        this._ours.value = levels.ours ?? FLOOR_DB;
      },
      onSpeaker: (speaker) => setText(this._words, speaker === "user" ? "You have taken this call over." : ""),
      onEnd: (words) => {
        this._sound = null;
        this._showListening(false);
        setText(this._words, words);
      },
    });
    this._showListening(true);
  }

  _showListening(on) {
    setText(this._listen, on ? "Stop listening" : "Listen");
    this._listen.setAttribute("aria-pressed", String(on));
    this._levels.hidden = !on;
  }

  async _say() {
    const text = this._input.value.trim();
    if (!text) return;
    await this._do(this._tell, "whisper", { text }, "The AI knows.");
    if (this._done) this._input.value = "";
  }

  async _end() {
    if (this._hangUp.dataset.sure !== "yes") {
      this._hangUp.dataset.sure = "yes";
      setText(this._hangUp, "Really hang up?");
      return;
    }
    this._calm();
    await this._do(this._hangUp, "hang_up", {}, "");
  }

  _calm() {
    delete this._hangUp.dataset.sure;
    setText(this._hangUp, "Hang up");
  }

  async _do(button, what, body, words) {
    button.disabled = true;
    this._done = false;
    setText(this._words, "");
    try {
      await this._order(this._callId, what, body);
      this._done = true;
      setText(this._words, words);
    } catch (problem) {
      setText(this._words, problem.message);
    } finally {
      button.disabled = false;
    }
  }
}
