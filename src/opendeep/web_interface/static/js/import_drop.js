// Where a table of contacts comes in: the button, and files dropped anywhere on the chat. Reading it is the server's.

import { byId } from "./dom.js";

export const MAX_FILE_BYTES = 25 * 1024 * 1024;

/** Why a choice of files is not sent, or "" when it is. */
export function refusal(files) {
  if (files.length === 0) return "Drop a file: a table of contacts as CSV or XLSX.";
  if (files.length > 1) return "One file at a time, please.";
  if (files[0].size === 0) return "The file is empty.";
  if (files[0].size > MAX_FILE_BYTES) return "The file is larger than 25 MB. Split it, and import the parts.";
  return "";
}

/** `take(file)` gets each file that may be sent, `refuse(sentence)` hears why another is not. */
export function listenForFiles(take, refuse) {
  const input = byId("attach-file");
  const area = byId("window");
  const offer = (files) => {
    const why = refusal(files);
    if (why) refuse(why);
    else take(files[0]);
  };
  byId("attach").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // so that the same file can be chosen again
    if (files.length > 0) offer(files);
  });
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  area.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    area.classList.add("dropping");
  });
  area.addEventListener("dragleave", (event) => {
    if (!area.contains(event.relatedTarget)) area.classList.remove("dropping");
  });
  area.addEventListener("drop", (event) => {
    area.classList.remove("dropping");
    if (!carriesFiles(event)) return;
    event.preventDefault();
    offer([...event.dataTransfer.files]);
  });
}
