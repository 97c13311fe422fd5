// Settings: the user's profile with its versions, and the installation's settings, read-only.

import { memory } from "../api_memory.js";
import { byId, fill, h, setText } from "../dom.js";
import { pill } from "../parts.js";
import { relativeTime, showPart, startPage, table } from "./common.js";
import { askTwice, labelled } from "./paged_list.js";

const say = (text) => setText(byId("said"), text);

// name, label, kind, longest text
const FIELDS = [
  ["full_name", "Full name", "line", 80],
  ["company", "Company", "line", 200],
  ["callback_number", "Number at which you are called back", "line", 40],
  ["address", "Address; told only where a call is about a place", "line", 300],
  ["time_zone", "Time zone, for example Europe/Berlin", "line", 64],
  ["preferences", "How to be represented; one wish on each line", "list", 8000],
  ["may_say", "Facts that the AI may say when asked; one on each line", "list", 8000],
  ["must_not_say", "Private: never said on any call; one on each line", "list", 8000],
  ["recording_notice", "Said after the disclosure where calls are recorded", "text", 2000],
  ["plan_disclosure", "Disclosure of plans that have none of their own", "text", 2000],
  ["plan_window", "Calling window of such plans, as 09:00-18:00", "window", 11],
  ["plan_max_spend", "Budget of such plans, in the currency of PRICE_PER_MINUTE", "number", 12],
];
const NAMES = Object.fromEntries(FIELDS.map(([name, label]) => [name, label.split(/[;,]/)[0]]));
const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
const SHORT = ["line", "window", "number"];

/** A value of the profile as it stands in its field. */
function shown(value) {
  if (Array.isArray(value)) return value.join("\n");
  if (value?.start) return `${value.start.slice(0, 5)}-${value.end.slice(0, 5)}`;
  return String(value ?? "");
}

/** What a field's text says; a window that is none goes to the server as it is, which says what to write. */
function read(name, kind, text, before) {
  const plain = text.trim();
  if (kind === "list") return lines(text);
  if (kind === "window") {
    const [start, end] = plain.split("-").map((part) => part.trim());
    return plain ? { ...before, start, end } : null;
  }
  if (kind === "number") return plain ? Number(plain.replace(",", ".")) : null;
  return name === "time_zone" ? plain || null : plain;
}

function drawProfile(profile) {
  const inputs = FIELDS.map(([name, label, kind, most]) =>
    labelled(label, SHORT.includes(kind) ? "input" : "textarea",
      { id: `profile-${name}`, maxlength: most, rows: kind === "list" ? 4 : 2, value: shown(profile[name]), autocomplete: "off" }));
  const error = h("p", { class: "error", role: "alert" });
  const form = h("form", { id: "profile-form" }, inputs, error, h("button", { type: "submit", class: "primary" }, "Save profile"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    setText(error, "");
    try {
      const changes = changed(profile);
      if (Object.keys(changes).length > 0) profile = await memory.changeProfile(changes);
      say("Your profile is saved.");
      setText(event.submitter ?? form.lastChild, "Saved");
      if (byId("history").open) await showVersions();
    } catch (problem) {
      setText(error, problem.message);
    }
  });
  form.addEventListener("input", () => setText(form.lastChild, "Save profile"));
  return form;
}

/** The fields whose text differs from the profile. */
function changed(profile) {
  const changes = {};
  for (const [name, , kind] of FIELDS) {
    const value = read(name, kind, byId(`profile-${name}`).value, profile[name]);
    if (shown(value) !== shown(profile[name])) changes[name] = value;
  }
  return changes;
}

function drawVersions({ versions }) {
  if (versions.length === 0) return [];
  const rows = versions.map((version, place) => {
    const before = versions[place + 1]?.profile;
    const names = before ? Object.keys(NAMES).filter((name) => shown(version.profile[name]) !== shown(before[name])) : [];
    return h("li", {}, pill(place === 0 ? `Version ${version.version}, in use` : `Version ${version.version}`, place === 0 ? "good" : "calm"),
      h("span", { class: "grow" }, before ? names.map((name) =>
        h("p", { class: "words" }, h("strong", {}, NAMES[name]), ": ", h("del", {}, shown(before[name]) || "empty"), " → ",
          h("ins", {}, shown(version.profile[name]) || "empty"))) : "The first that is kept."),
      relativeTime(version.created_at));
  });
  const forget = askTwice("Forget earlier versions", "Forget them for good?", async () => {
    await memory.forgetProfileVersions();
    say("Earlier versions are gone.");
    await showVersions();
  });
  return [h("ul", { class: "rows-list" }, rows), versions.length > 1 && h("div", { class: "actions" }, forget)];
}

const showVersions = () => showPart(byId("versions"), memory.profileVersions, drawVersions, "Your profile was never changed.");

const columns = [
  { title: "Name", cell: (one) => h("code", {}, one.env) },
  { title: "Value", cell: (one) => (one.secret ? pill(one.value, one.set ? "good" : "calm") : h("span", { class: "words" }, one.value)) },
];

const drawInstallation = ({ groups }) =>
  groups.map((group) => [h("h3", {}, group.name), table({ caption: group.name, columns, rows: group.entries })]);

byId("history").addEventListener("toggle", () => byId("history").open && showVersions());
let drawn = false;
startPage({
  refresh: async () => {
    if (drawn) return; // what somebody is writing is not drawn over
    drawn = true;
    await Promise.all([
      showPart(byId("profile"), memory.profile, drawProfile, ""),
      showPart(byId("installation"), memory.settings, drawInstallation, "No settings are shown."),
    ]);
  },
});
