// The states of the telephone in this page, and what leads from one to the next. Pure.

const NEXT = {
  idle: { ring: "ringing" },
  ringing: { answer: "answering", decline: "idle", stopped: "idle", lost: "idle" },
  answering: { decline: "idle", connected: "talking", stopped: "idle", lost: "idle" },
  talking: { ended: "idle", lost: "idle" },
};

/** The state after `event`, null when the event means nothing in this state. */
export function next(state, event) {
  return NEXT[state][event] ?? null;
}

/** Who calls, in words. */
export function callerName({ name, number } = {}) {
  return [name, number].filter(Boolean).join(", ") || "OpenDeep, without a caller ID";
}

/** What is said of a call that stopped ringing here, empty for what the person did. */
export function whyStopped(why, caller) {
  if (why === "answered_elsewhere") return "Answered on another page.";
  if (why === "caller_gave_up") return `Missed call: ${callerName(caller)}.`;
  if (why === "gone") return "The call is gone: it was answered elsewhere, or the caller gave up.";
  return "";
}
