// The script of a plan: every sentence of its calls, to read and, while the plan is open, to edit.

import { fill, freshId, h, setText } from "./dom.js";
import { words } from "./labels.js";

const LONG = 70; // characters; longer sentences get more rows
const ROW = 60;
const TYPES = {
  yes_no: "Yes or no",
  date: "A day",
  time: "A time",
  datetime: "Day and time",
  number: "A number",
  text: "Free words (often misheard)",
};
const LABELS = {
  hello: "When somebody answers",
  disclosure: "Who is calling",
  purpose: "Why",
  noted: "What was understood",
  is_right: "Whether that is right (empty: it is not asked)",
  farewell: "Goodbye",
  opt_out: "They want no more calls",
  when_to_call: "They want to be called later",
  will_call: "A time was promised",
  will_call_later: "No time was named",
  is_there: "They are somebody else",
  is_there_keys: "The same, with keys",
  will_wait: "The person is fetched",
  will_try_later: "The person is not there",
  wrong_number: "The number is wrong",
  declined: "They do not want this",
  repeating: "“Can you repeat that?”",
  take_your_time: "“One moment, please”",
  did_not_catch: "Not understood",
  moving_on: "An optional question is given up",
  is_right_keys: "Whether it is right, with keys",
  not_right: "It was not right",
  better_time: "Another time is wanted",
  noted_other: "Another time was named",
  asking: "A question for you",
  still_checking: "While you are asked",
  answer_from_user: "You have answered",
  could_not_reach: "You have not answered",
  do_not_know: "A question that nobody is asked",
  not_for_me: "Orders to the AI",
  stopping_recording: "They do not want to be recorded",
  not_recorded: "The recording is off",
  recorded_anyway: "The recording cannot be stopped",
  still_there: "Silence",
  give_up_silence: "Silence again",
  give_up_words: "Nothing is understood",
  give_up_turns: "The call takes too long",
  goodbye: "A last word",
};
const FIRST = ["hello", "disclosure", "purpose"];
const LAST = ["noted", "is_right", "farewell"];

/** The script as a part of the plan card. `onSave(changes)` promises the next version; without it nothing can be edited.
 * `onEdit(unsaved)` is told whether something waits to be saved. Returns `{node, close}`. */
export function scriptPart(script, onSave, onEdit) {
  const form = new ScriptForm(onSave, onEdit);
  const node = h(
    "form",
    { class: "part script" },
    h("h4", {}, "The script, word for word"),
    h(
      "fieldset",
      { disabled: !onSave },
      FIRST.map((name) => form.sentence(name, LABELS[name], script[name])),
      script.questions.map((question, index) => form.question(question, index + 1)),
      LAST.map((name) => form.sentence(name, LABELS[name], script[name])),
      more(
        "What else it says when it is needed",
        Object.entries(script.lines).map(([name, text]) =>
          form.sentence(`lines.${name}`, LABELS[name] ?? words(name), text),
        ),
      ),
      onSave && form.foot,
    ),
  );
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    form.save();
  });
  const close = () => (node.querySelector("fieldset").disabled = true);
  return { node, close };
}

class ScriptForm {
  constructor(onSave, onEdit) {
    this._onSave = onSave;
    this._onEdit = onEdit ?? (() => {});
    this._fields = []; // {path, kind, input, old}
    this._button = h("button", { class: "secondary", type: "submit", disabled: true }, "Save script");
    this._error = h("p", { class: "error", role: "alert" });
    this.foot = h("div", {}, this._error, h("div", { class: "actions" }, this._button));
  }

  sentence(path, label, text) {
    const id = freshId("sentence");
    const rows = text.length > LONG ? Math.ceil(text.length / ROW) : 1;
    const input = h("textarea", { id, rows, maxlength: 2000, value: text });
    this._watch("sentence", path, input, text);
    return h("div", { class: "field" }, h("label", { for: id }, label), input);
  }

  question(question, number) {
    const path = `questions.${question.key}`;
    const options = question.options.length > 0 ? ` (${question.options.join(", ")})` : "";
    const optional = question.required ? "" : " · optional";
    return h(
      "div",
      { class: "script-question" },
      this.sentence(`${path}.ask`, `Question ${number}${options}${optional}`, question.ask),
      this._type(question, number),
      more("In other words, and with keys", [
        this.sentence(`${path}.again`, `Question ${number}, when it was not understood`, question.again),
        this.sentence(`${path}.keys`, `Question ${number}, with keys`, question.keys),
      ]),
    );
  }

  async save() {
    const changed = this._changed();
    if (changed.length === 0) return;
    this._button.disabled = true;
    setText(this._button, "Saving…");
    setText(this._error, "");
    const part = (kind) => Object.fromEntries(changed.filter((f) => f.kind === kind).map((f) => [f.path, f.input.value]));
    try {
      await this._onSave({ script: part("sentence"), question_types: part("type") });
    } catch (problem) {
      setText(this._button, "Save script");
      this._button.disabled = false;
      setText(this._error, problem.message);
    }
  }

  _type(question, number) {
    const id = freshId("type");
    const known = question.type ?? "";
    const names = known === "choice" ? { choice: "One of these" } : known === "" ? { "": "Please choose", ...TYPES } : TYPES;
    const options = Object.entries(names).map(([name, label]) => h("option", { value: name }, label));
    const select = fill(h("select", { id }), options);
    select.value = known;
    this._watch("type", question.key, select, known);
    return h("div", { class: "field" }, h("label", { for: id }, `Answer ${number}`), select);
  }

  _watch(kind, path, input, old) {
    this._fields.push({ kind, path, input, old });
    input.addEventListener("input", () => {
      const unsaved = this._changed().length > 0;
      this._button.disabled = !unsaved;
      this._onEdit(unsaved);
    });
  }

  _changed() {
    return this._fields.filter((field) => field.input.value.trim() !== field.old && (field.kind !== "type" || field.input.value));
  }
}

function more(title, content) {
  return h("details", { class: "script-more" }, h("summary", {}, title), content);
}
