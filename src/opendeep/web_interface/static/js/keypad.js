// The twelve keys of a telephone: by pointer, by Tab and Enter, or typed while the pad has the focus.

import { h } from "./dom.js";

const KEYS = [
  ["1", ""], ["2", "ABC"], ["3", "DEF"],
  ["4", "GHI"], ["5", "JKL"], ["6", "MNO"],
  ["7", "PQRS"], ["8", "TUV"], ["9", "WXYZ"],
  ["*", ""], ["0", ""], ["#", ""],
]; // prettier-ignore
const SPOKEN = { "*": "star", "#": "hash" };

/** A node with the keys; `onKey(digit)` for each one pressed. */
export function keypad(onKey) {
  const buttons = KEYS.map(([digit, letters]) =>
    h(
      "button",
      { class: "key", type: "button", "aria-label": `Key ${SPOKEN[digit] ?? digit}`, onclick: () => onKey(digit) },
      h("span", { class: "digit", "aria-hidden": "true" }, digit),
      h("span", { class: "letters", "aria-hidden": "true" }, letters || "\u00a0"),
    ),
  );
  const pad = h("div", { class: "keypad", role: "group", "aria-label": "Keypad" }, buttons);
  pad.addEventListener("keydown", (event) => {
    const typed = KEYS.some(([digit]) => digit === event.key);
    if (!typed || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    onKey(event.key);
  });
  return pad;
}

/** A button that shows and hides `pad`. */
export function keypadButton(pad) {
  pad.hidden = true;
  const button = h("button", { class: "quiet", type: "button", "aria-expanded": "false" }, "Keypad");
  button.addEventListener("click", () => {
    pad.hidden = !pad.hidden;
    button.setAttribute("aria-expanded", String(!pad.hidden));
    if (!pad.hidden) pad.firstElementChild.focus();
  });
  return button;
}
