// Words and times that people read. Pure functions.

const TASK = {
  SCHEDULED: ["Scheduled", "calm"],
  QUEUED_FOR_CALL: ["About to call", "live"],
  CALL_IN_PROGRESS: ["In call", "live"],
  PENDING_ANALYSIS: ["Reading the call", "live"],
  NEEDS_USER: ["Needs you", "warn"],
  ON_HOLD: ["On hold", "warn"],
  COMPLETED: ["Done", "good"],
  FAILED: ["Not done", "bad"],
  CANCELLED: ["Stopped", "calm"],
};
const CALL = {
  INITIATED: ["Starting", "live"],
  DIALING: ["Dialling", "live"],
  RINGING: ["Ringing", "live"],
  IN_PROGRESS: ["Talking", "live"],
  COMPLETED: ["Ended", "calm"],
  BUSY: ["Busy", "calm"],
  NO_ANSWER: ["No answer", "calm"],
  REJECTED: ["Rejected", "calm"],
  UNALLOCATED: ["No such number", "bad"],
  CONGESTION: ["Network busy", "calm"],
  FAILED: ["Failed", "bad"],
  CANCELLED: ["Given up", "calm"],
  LOST: ["Lost", "bad"],
};
const DISPOSITION = {
  ACHIEVED: "Achieved",
  DECLINED: "Declined",
  CALLBACK_REQUESTED: "Wants a call back",
  OPTED_OUT: "Do not call again",
  WRONG_NUMBER: "Wrong number",
  VOICEMAIL_LEFT: "Voicemail left",
  VOICEMAIL: "Voicemail",
  INCONCLUSIVE: "Inconclusive",
  NO_ANSWER: "No answer",
  BUSY: "Busy",
  REJECTED: "Rejected",
  UNREACHABLE: "Unreachable",
  FAILED: "Failed",
};
const OUTCOME_TONES = {
  ACHIEVED: "good",
  OPTED_OUT: "bad",
  FAILED: "bad",
  UNREACHABLE: "bad",
  WRONG_NUMBER: "bad",
  DECLINED: "bad",
  CALLBACK_REQUESTED: "warn",
};
const CAMPAIGN = {
  PREPARING: ["Preparing", "live"],
  ACTIVE: ["Running", "live"],
  PAUSED: ["Paused", "warn"],
  COMPLETED: ["Completed", "good"],
  CANCELLED: ["Stopped", "calm"],
};
const VOICEMAIL = {
  leave_message: "Leave a message",
  hang_up: "Hang up",
  retry_later: "Hang up and try again later",
};
const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const LIVE_CALLS = new Set(["INITIATED", "DIALING", "RINGING", "IN_PROGRESS"]);
const FINISHED_TASKS = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

const unknown = (value) => [String(value ?? ""), "calm"];

export const taskState = (status) => TASK[status] ?? unknown(status);
export const callState = (status) => CALL[status] ?? unknown(status);
export const campaignState = (status) => CAMPAIGN[status] ?? unknown(status);
export const outcome = (disposition) => (disposition ? (DISPOSITION[disposition] ?? String(disposition)) : "");
export const voicemailPolicy = (policy) => VOICEMAIL[policy] ?? String(policy);
export const outcomeTone = (disposition) => OUTCOME_TONES[disposition] ?? "calm";
export const isLiveCall = (call) => LIVE_CALLS.has(call.status);
export const isFinishedTask = (task) => FINISHED_TASKS.has(task.status);
export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString()} ${count === 1 ? one : many}`;

/** A stored key as words: `slot_ok` → `Slot ok`. */
export function words(key) {
  const text = String(key).replaceAll("_", " ").trim();
  return text ? text[0].toUpperCase() + text.slice(1) : "";
}

/** A result's value for people. */
export function valueText(value) {
  if (value === null || value === undefined || value === "") return "not answered";
  if (value === true) return "yes";
  if (value === false) return "no";
  if (Array.isArray(value)) return value.map(valueText).join(", ");
  if (typeof value === "object") return "value" in value ? valueText(value.value) : JSON.stringify(value);
  return String(value);
}

/** `14:05`, with the day when it is not today. */
export function clockTime(iso) {
  if (!iso) return "";
  const date = new Date(iso);
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (date.toDateString() === new Date().toDateString()) return time;
  return `${date.toLocaleDateString([], { weekday: "short", day: "numeric", month: "short" })}, ${time}`;
}

export function preciseTime(iso) {
  return iso ? new Date(iso).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" }) : "";
}

/** Milliseconds as `1:05`. */
export function position(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Seconds as `48 s` or `12 min`. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "";
  return seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

/** An amount of US dollars; below ten cents to a hundredth of a cent. */
export function dollars(amount) {
  return `$${Number(amount).toFixed(amount > 0 && amount < 0.1 ? 4 : 2)}`;
}

/** The calling window in words. */
export function windowText(window) {
  if (!window) return "";
  if (window.any_time) return "At any time";
  const clock = (time) => String(time).slice(0, 5);
  const end = clock(window.end) === "00:00" ? "24:00" : clock(window.end);
  const breaks = (window.breaks ?? []).map((pause) => ` without ${clock(pause.start)} to ${clock(pause.end)}`).join(" and");
  const hours = `${clock(window.start)} to ${end}${breaks}, local time of the called person`;
  const days = window.weekdays ?? [];
  if (days.length === 7) return `Every day, ${hours}`;
  return `${days.map((day) => WEEKDAYS[day - 1]).join(", ")}, ${hours}`;
}
