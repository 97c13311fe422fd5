// A form of the assistant inside the chat, answered with "Submit Answers".

import { fill, freshId, h, setText } from "./dom.js";
import { valueText } from "./labels.js";

const NATIVE_TYPES = new Set(["text", "date", "time", "number", "tel"]);

/** The form as a card. `onSubmit(answers)` returns a promise; when it rejects the form can be sent again. */
export function formCard(form, onSubmit) {
  const error = h("p", { class: "error", role: "alert" });
  const button = h("button", { class: "primary", type: "submit" }, "Submit Answers");
  const fields = form.fields.map(fieldControl);
  const set = h(
    "fieldset",
    {},
    h("legend", {}, form.title || "Some questions"),
    fields.map((f) => f.node),
    error,
    h("div", { class: "actions" }, button),
  );
  const node = h("form", { class: "card form-card", novalidate: true }, set);
  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    const missing = fields.find((field) => !field.check());
    if (missing) {
      setText(error, `Please answer “${missing.label}”.`);
      missing.focus();
      return;
    }
    setText(error, "");
    set.disabled = true;
    setText(button, "Sending…");
    try {
      await onSubmit(Object.fromEntries(fields.map((field) => [field.name, field.value()])));
      close();
    } catch (problem) {
      set.disabled = false;
      setText(button, "Submit Answers");
      setText(error, problem.message);
    }
  });
  const close = () => {
    set.disabled = true;
    node.classList.add("closed");
    setText(button, "Answered");
  };
  return { node, close, labels: labelsOf(form) };
}

/** Field names → labels. */
export function labelsOf(form) {
  return new Map(form.fields.map((field) => [field.name, field.label]));
}

/** Answers as a list of label and value. */
export function answersList(answers, labels) {
  const pairs = Object.entries(answers).map(([name, value]) =>
    h("div", {}, h("dt", {}, labels?.get(name) ?? name), h("dd", {}, valueText(value))),
  );
  return h("dl", { class: "answers" }, pairs);
}

function fieldControl(field) {
  const id = freshId("field");
  const input = control(field, id);
  const optional = field.required ? null : h("span", { class: "muted" }, " (optional)");
  const label = h("label", { for: id }, field.label, optional);
  const checkbox = field.type === "checkbox";
  const node = h("div", { class: checkbox ? "field checkbox" : "field" }, checkbox ? [input, label] : [label, input]);
  const value = () => (checkbox ? input.checked : input.value.trim());
  const check = () => {
    const good = checkbox || ((!field.required || value() !== "") && input.validity.valid);
    input.setAttribute("aria-invalid", String(!good));
    return good;
  };
  return { name: field.name, label: field.label, node, value, check, focus: () => input.focus() };
}

function control(field, id) {
  const common = { id, name: field.name, required: field.required };
  const value = field.value ?? "";
  if (field.type === "select") {
    const select = h("select", common);
    const options = field.options.map((option) => h("option", { value: option }, option));
    if (!field.options.includes(value)) options.unshift(h("option", { value: "" }, "Please choose"));
    fill(select, options);
    select.value = field.options.includes(value) ? value : "";
    return select;
  }
  if (field.type === "textarea") return h("textarea", { ...common, rows: 3, maxlength: 2000, value });
  if (field.type === "checkbox")
    return h("input", { id, name: field.name, type: "checkbox", checked: /^(true|yes|1)$/i.test(value) });
  const type = NATIVE_TYPES.has(field.type) ? field.type : "text";
  return h("input", { ...common, type, maxlength: 2000, step: type === "number" ? "any" : undefined, value });
}
