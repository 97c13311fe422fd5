// One call: its recording, its transcript in two voices with the cited turns marked, its timeline.

import { qualityLine } from "./call_quality.js";
import { byId, fill, h, setText } from "./dom.js";
import { callState, clockTime, dollars, outcome, outcomeTone, preciseTime, words } from "./labels.js";
import { pill, timeButton, turnLine } from "./parts.js";

export class CallDialog {
  /** `readAgain(callId)` judges an ended call once more. */
  constructor({ load, readAgain, recordingUrl, nameOf }) {
    this._load = load;
    this._readAgain = readAgain;
    this._recordingUrl = recordingUrl;
    this._nameOf = nameOf;
    this._dialog = byId("call-dialog");
    this._wanted = null;
    this._dialog.addEventListener("close", () => fill(this._dialog)); // also ends the audio
    this._dialog.addEventListener("click", (event) => {
      if (event.target === this._dialog) this._dialog.close();
    });
  }

  /** Show a call; `turns` are the numbers of the turns to mark. */
  async open(callId, turns) {
    this._wanted = callId;
    fill(this._dialog, this._head("Call"), h("p", { class: "muted" }, "The call is being fetched…"));
    if (!this._dialog.open) this._dialog.showModal();
    try {
      const detail = await this._load(callId);
      if (this._wanted === callId && this._dialog.open) this._draw(detail, new Set(turns));
    } catch (problem) {
      const again = h(
        "button",
        { class: "secondary", type: "button", onclick: () => this.open(callId, turns) },
        "Try again",
      );
      fill(this._dialog, this._head("Call"), h("p", { class: "error", role: "alert" }, problem.message), again);
    }
  }

  /** Have the call read once more; what speaks against it is said beside the button. */
  _again(callId, cited) {
    const news = h("span", { class: "error", role: "alert" });
    const button = h("button", { class: "quiet", type: "button" }, "Read the call again");
    button.addEventListener("click", async () => {
      button.disabled = true;
      setText(news, "");
      try {
        const { changed } = await this._readAgain(callId);
        if (changed) await this.open(callId, [...cited]);
        else setText(button, "Read again: nothing else was found");
      } catch (problem) {
        setText(news, problem.message);
        button.disabled = false;
      }
    });
    return h("p", {}, button, " ", news);
  }

  _head(title) {
    const close = h("button", { class: "quiet", type: "button", onclick: () => this._dialog.close() }, "Close");
    return h("div", { class: "card-head" }, h("h2", { id: "call-title" }, title), close);
  }

  _draw({ call, transcript, events }, cited) {
    const [label, tone] = callState(call.status);
    const audio =
      call.has_recording && h("audio", { controls: true, preload: "metadata", src: this._recordingUrl(call.id) });
    const lines = transcript.map((turn) => {
      const jump = audio && timeButton(turn.started_ms, () => play(audio, turn.started_ms));
      return h("li", { class: cited.has(turn.turn) ? "cited" : "" }, jump, turnLine(turn));
    });
    fill(
      this._dialog,
      this._head(`${this._nameOf(call)}, call ${call.attempt_number}`),
      h(
        "p",
        { class: "call-facts" },
        call.disposition ? pill(outcome(call.disposition), outcomeTone(call.disposition)) : pill(label, tone),
        h("span", { class: "number" }, call.phone_number),
        h("span", { class: "muted" }, clockTime(call.created_at)),
      ),
      call.end_reason && h("p", { class: "muted" }, call.end_reason),
      call.analysis?.summary && h("p", {}, call.analysis.summary),
      qualityLine(call.analysis),
      h("p", {}, h("a", { href: `/calls/${call.id}` }, "Open this call as a page")),
      call.analysis && this._again(call.id, cited),
      call.usage?.cost && h("p", { class: "muted" }, costLine(call.usage.cost)),
      audio || h("p", { class: "muted" }, "There is no recording of this call."),
      lines.length > 0 ? h("ol", { class: "transcript" }, lines) : h("p", { class: "muted" }, "Nobody spoke."),
      events.length > 0 &&
        h(
          "details",
          {},
          h("summary", {}, "Timeline"),
          h(
            "ol",
            { class: "timeline" },
            events.map((event) =>
              h("li", {}, h("time", {}, preciseTime(event.created_at)), h("span", {}, event.detail || event.kind)),
            ),
          ),
        ),
    );
    this._dialog.querySelector(".cited")?.scrollIntoView({ block: "center" });
  }
}

/** What the voice AI took, and for what; what has no known price is named. */
export function costLine({ usd, parts, unpriced }) {
  const split = Object.entries(parts ?? {})
    .filter(([, amount]) => amount > 0)
    .map(([name, amount]) => `${words(name)} ${dollars(amount)}`);
  const missing = unpriced?.length ? ` The price of ${unpriced.join(" and ")} is not known.` : "";
  return `Voice AI: ${dollars(usd)}${split.length > 0 ? ` (${split.join(", ")})` : ""}.${missing}`;
}

function play(audio, ms) {
  audio.currentTime = ms / 1000;
  audio.play().catch(() => {}); // the person may stop it before it starts; the element shows its own errors
}
