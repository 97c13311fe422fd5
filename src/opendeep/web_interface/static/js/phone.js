// The telephone in this page: rings, is answered or declined, talks, presses keys. Owns what it shows; the protocol is
// in docs/phone.md.

import { fill, h, setText } from "./dom.js";
import { keypad, keypadButton } from "./keypad.js";
import { position } from "./labels.js";
import { FLOOR_DB } from "./levels.js";
import { Live } from "./live.js";
import { callerName, next, whyStopped } from "./phone_state.js";
import { Ring } from "./tones.js";
import { Talk } from "./talk.js";

const MAX_UNSENT_BYTES = 1_600; // of microphone, 200 ms: what the network does not take is not sent late
const OFF = "opendeep.phone.off";
const RINGING_TITLE = "☎ ";

export class Phone {
  /** `node` gets the panel, `toggle` the button that switches the phone on and off, `news` what is announced. */
  constructor({ node, toggle, news }) {
    this.node = node;
    this._toggle = toggle;
    this._news = news;
    this._state = "idle";
    this._call = null;
    this._extension = null;
    this._wanted = false;
    this._live = new Live({
      path: "/ws/phone",
      onState: (state) => this._connection(state),
      onHello: () => {},
      onEvent: (event) => this._take(event),
      onSound: (bytes) => this._talk?.hear(bytes),
    });
    this._clock = 0;
    toggle.addEventListener("click", () => this._switch(!this._wanted));
  }

  /** The server has a phone with this extension, or none (null); undefined while nobody knows. */
  offer(extension) {
    if (extension === undefined || extension === this._extension) return;
    this._extension = extension;
    this._toggle.hidden = extension === null;
    if (extension === null) this.stop();
    else this._switch(localStorage.getItem(OFF) !== "yes");
  }

  stop() {
    this._live.stop();
    this._move("lost");
  }

  _switch(on) {
    this._wanted = on;
    if (on) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "yes");
    this._toggle.setAttribute("aria-pressed", String(on));
    if (on) this._live.start();
    else this.stop();
  }

  _connection(state) {
    const words = { live: "", connecting: ", connecting", reconnecting: ", reconnecting", off: ", off" }[state];
    setText(this._toggle, `Phone ${this._extension}${words}`);
    this._toggle.dataset.state = state;
    if (state === "reconnecting" && this._state !== "idle") {
      this._say("The connection to the switch was lost.");
      this._move("lost");
    }
  }

  // -- what the switch says

  _take(event) {
    if (event.type === "ring") {
      if (this._move("ring", event)) this._announce();
    } else if (event.type === "refused") {
      this._say(`Busy for ${callerName(event.caller)}.`);
    } else if (event.call_id !== this._call?.call_id) {
      return;
    } else if (event.type === "stopped") {
      this._say(whyStopped(event.why, this._call.caller));
      this._move("stopped");
    } else if (event.type === "ended") {
      this._say("The call has ended.");
      this._move("ended");
    } else if (event.type === "key") {
      this._heardKeys += event.digit;
      this._say(`The caller pressed ${this._heardKeys}.`);
    } else if (event.type === "connected") {
      this._move("connected");
    }
  }

  /** Go to the next state; false when the event means nothing now. */
  _move(event, call = this._call) {
    const state = next(this._state, event);
    if (state === null) return false;
    this._state = state;
    this._call = state === "idle" ? null : call;
    this.node.dataset.state = state;
    document.documentElement.dataset.phone = state;
    if (state === "ringing") this._loud();
    else this._quiet();
    clearInterval(this._clock);
    if (state === "idle") {
      this._talk?.stop();
      this._talk = null;
    }
    this._draw();
    return true;
  }

  _loud() {
    this._ring = new Ring();
    document.title = RINGING_TITLE + document.title;
  }

  _quiet() {
    this._ring?.stop();
    this._ring = null;
    document.title = document.title.replace(RINGING_TITLE, "");
  }

  _announce() {
    setText(this._news, `Your phone rings: ${callerName(this._call.caller)}. Answer or decline below.`);
  }

  // -- what the person does

  async _answer() {
    const call = this._call;
    if (!this._move("answer")) return;
    const talk = new Talk({
      onFrame: (bytes) => this._state === "talking" && this._live.send(bytes, MAX_UNSENT_BYTES),
      onLevel: (side, level) => this._showLevel(side, level),
      onFigures: (figures) => Object.assign(this.node.dataset, figures),
      onLost: () => this._say("The microphone is gone. You can listen and press keys."),
    });
    this._talk = talk;
    this._problem = await talk.open();
    if (this._talk !== talk || this._state !== "answering") {
      talk.stop(); // the caller gave up while the browser asked for the microphone
      return;
    }
    this._order("answer", call.call_id);
  }

  _decline() {
    this._order("decline", this._call.call_id);
    this._move("decline");
    this._say("");
  }

  _hangUp() {
    this._order("hang_up", this._call.call_id);
  }

  _press(digit) {
    this._talk?.key(digit);
    this._live.send(JSON.stringify({ type: "key", digit }));
    this._pressed += digit;
    setText(this._keysLine, `Pressed ${this._pressed}`);
  }

  _mute() {
    const on = this._muteButton.getAttribute("aria-pressed") !== "true";
    this._talk.mute(on);
    this._muteButton.setAttribute("aria-pressed", String(on));
    setText(this._muteButton, on ? "Muted" : "Mute");
  }

  _order(type, callId) {
    this._live.send(JSON.stringify({ type, call_id: callId }));
  }

  // -- what is shown

  _say(words) {
    this._words = words;
    setText(this._news, words);
    this._draw();
  }

  _showLevel(side, level) {
    const meter = this._meters?.[side];
    if (meter) meter.value = level;
  }

  _draw() {
    if (this._state === this._drawn) {
      if (this._wordsLine) setText(this._wordsLine, this._words ?? "");
      if (this._state !== "idle") return;
    }
    this._drawn = this._state;
    const parts = { idle: () => this._idle(), ringing: () => this._ringing(), answering: () => this._answering() };
    const hadFocus = this.node.contains(document.activeElement);
    fill(this.node, (parts[this._state] ?? (() => this._talking()))());
    this.node.hidden = this._state === "idle" && !this._words;
    if (!hadFocus) return;
    const button = this.node.querySelector("button:not([hidden])");
    (this._state === "answering" ? this.node : button)?.focus(); // a second Enter must not decline
  }

  _head(title, ...rest) {
    const caller = this._call && h("span", { class: "words" }, callerName(this._call.caller));
    return h("div", { class: "phone-head" }, h("h2", {}, title), caller, rest);
  }

  _idle() {
    const close = h("button", { class: "quiet", type: "button", onclick: () => this._say("") }, "Close");
    return h("div", { class: "phone-head" }, h("h2", {}, "Phone"), h("span", {}, this._words), close);
  }

  _ringing() {
    this._words = "";
    const answer = h("button", { class: "answer", type: "button", onclick: () => this._answer() }, "Answer");
    return [this._head("Incoming call"), h("div", { class: "actions" }, answer, this._declineButton())];
  }

  _answering() {
    const words = "Waiting for your microphone. The browser may ask you to allow it.";
    return [this._head("Incoming call"), h("p", {}, words), h("div", { class: "actions" }, this._declineButton())];
  }

  _declineButton() {
    return h("button", { class: "danger", type: "button", onclick: () => this._decline() }, "Decline");
  }

  _talking() {
    this._pressed = this._heardKeys = "";
    const began = Date.now();
    const time = h("time", { class: "phone-time" }, position(0));
    this._clock = setInterval(() => setText(time, position(Date.now() - began)), 1_000);
    const meter = (name) => h("meter", { min: FLOOR_DB, max: 0, value: FLOOR_DB, "aria-label": `Level of ${name}` });
    this._meters = { caller: meter("the caller"), you: meter("your microphone") };
    const level = (name, node) => h("span", { class: "level" }, h("span", { "aria-hidden": "true" }, name), node);
    const pad = keypad((digit) => this._press(digit));
    this._muteButton = h("button", { class: "quiet", type: "button", "aria-pressed": "false" }, "Mute");
    this._muteButton.addEventListener("click", () => this._mute());
    this._muteButton.hidden = Boolean(this._problem);
    this._keysLine = h("span", { class: "number", role: "status" });
    this._words = this._problem ? `${this._problem} You can listen and press keys.` : "";
    this._wordsLine = h("p", { class: "phone-words", role: "status" }, this._words);
    return [
      this._head("In a call", time),
      h(
        "div",
        { class: "phone-row" },
        h("span", { class: "levels" }, level("Caller", this._meters.caller), level("You", this._meters.you)),
        this._muteButton,
        keypadButton(pad),
        h("button", { class: "danger hang-up", type: "button", onclick: () => this._hangUp() }, "Hang up"),
      ),
      pad,
      this._keysLine,
      this._wordsLine,
    ];
  }
}
