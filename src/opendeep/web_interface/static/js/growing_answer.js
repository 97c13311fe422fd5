// An answer while it grows: dots, then its look-ups and its words. Owns the inside of one message of the chat.

import { fill, h, setText } from "./dom.js";
import { stepItem, stepsList, stepText } from "./tool_steps.js";

export class GrowingAnswer {
  /** `changed()` is called after every change, so that the chat can scroll. */
  constructor(changed) {
    this._changed = changed;
    this._steps = new Map(); // by their ids, in the order of their beginning
    this._list = null;
    this._text = h("p", { class: "text" });
    this._dots = dots();
    this._news = h("p", { class: "visually-hidden", role: "status" }, "OpenDeep is thinking");
    // Screen readers hear the news while it grows, and the whole answer once it is there.
    this._body = h("div", { class: "growing", "aria-busy": "true" }, this._dots);
    this.content = [this._news, this._body];
  }

  get empty() {
    return this._text.textContent === "" && this._steps.size === 0;
  }

  receive(kind, data) {
    if (kind === "tool_started") this._step(data, stepText(data));
    else if (kind === "tool_finished") this._step(data, stepText(data));
    else if (kind === "text") this._say(this._text.textContent + data.text);
    else if (kind === "text_reset") this._say("");
    this._changed();
  }

  /** It will not go on: what is there stays, with a note and what can be done. */
  end(note, ...actions) {
    this._dots.remove();
    this._text.classList.remove("grows");
    for (const item of this._list?.querySelectorAll(".running") ?? []) item.classList.replace("running", "failed");
    this._body.append(h("p", { class: "muted answer-note" }, note), ...actions);
    this._body.removeAttribute("aria-busy");
    setText(this._news, note);
    this._changed();
  }

  _step(step, news) {
    const item = stepItem(step);
    if (!this._list) this._body.prepend((this._list = stepsList()));
    const before = this._steps.get(step.id);
    if (before) before.replaceWith(item);
    else this._list.append(item);
    this._steps.set(step.id, item);
    setText(this._news, news);
  }

  _say(text) {
    setText(this._text, text);
    this._text.classList.toggle("grows", text !== "");
    if (text === "") {
      this._text.remove();
      this._body.append(this._dots);
    } else if (!this._text.isConnected) {
      this._dots.remove();
      this._body.append(this._text);
    }
  }
}

const dots = () => fill(h("p", { class: "thinking", "aria-hidden": "true" }), h("span"), h("span"), h("span"));
