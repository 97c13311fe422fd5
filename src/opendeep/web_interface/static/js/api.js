// The HTTP API as functions. Errors are `ApiError` with the server's own sentence.

const DEADLINE_MS = 20_000;
const PREFLIGHT_DEADLINE_MS = 150_000; // a large plan takes its time
const UPLOAD_DEADLINE_MS = 310_000;
const BYTES = "application/octet-stream";
const CHAT_DEADLINE_MS = 150_000; // a model may be asked

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** One request. `body` is sent as JSON, or as it is where a `type` says what it is. */
export async function request(method, path, body, deadlineMs = DEADLINE_MS, type = "application/json") {
  const options = { method, credentials: "same-origin", signal: AbortSignal.timeout(deadlineMs) };
  if (body !== undefined) {
    options.headers = { "Content-Type": type };
    options.body = type === "application/json" ? JSON.stringify(body) : body;
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "TimeoutError") throw new ApiError(0, "TimedOut", "The server took too long. Please try again.");
    throw unreachable();
  }
  if (response.status === 204) return null;
  const data = await response.json().catch(() => null);
  if (!response.ok) throw problemOf(response.status, data);
  return data;
}

export const unreachable = () =>
  new ApiError(0, "Unreachable", "The server cannot be reached. Please try again in a moment.");

/** The error of an answer, in the server's own words where it has some. */
export function problemOf(status, data) {
  const known = data?.error ?? {};
  return new ApiError(status, known.code ?? "Unknown", known.message ?? `The server answered ${status}.`);
}

const at = (path, id, rest = "") => `/api/${path}/${encodeURIComponent(id)}${rest}`;

export const api = {
  session: () => request("GET", "/api/session"),
  signIn: (name) => request("POST", "/api/session", { user_name: name }),
  signOut: () => request("DELETE", "/api/session"),
  status: () => request("GET", "/api/status"),
  history: (chatId) => request("GET", at("chat", chatId)),
  preflight: (planId) => request("GET", at("plans", planId, "/preflight"), undefined, PREFLIGHT_DEADLINE_MS),
  changePlan: (planId, changes) => request("PATCH", at("plans", planId), changes),
  rehearse: (planId) => request("POST", at("plans", planId, "/rehearsal")),
  rehearsals: () => request("GET", "/api/rehearsals"),
  rehearsal: (id) => request("GET", at("rehearsals", id)),
  upload: (file) =>
    request("POST", `/api/imports?file_name=${encodeURIComponent(file.name)}`, file, UPLOAD_DEADLINE_MS, BYTES),
  checkImport: (id, mapping) => request("POST", at("imports", id, "/check"), mapping, UPLOAD_DEADLINE_MS),
  useImport: (id, mapping) => request("POST", at("imports", id, "/use"), mapping, UPLOAD_DEADLINE_MS),
  discardImport: (id) => request("DELETE", at("imports", id)),
  importErrorsUrl: (id) => at("imports", id, "/errors.csv"),
  execute: (planId) => request("POST", "/api/execute_campaign", { plan_id: planId }),
  campaigns: () => request("GET", "/api/campaigns"),
  progress: (id) => request("GET", at("campaigns", id, "/progress")),
  tasks: (id, filters) => request("GET", at("campaigns", id, `/tasks?${new URLSearchParams(filters)}`)),
  copy: (id, what) => request("POST", at("campaigns", id, `/${what}`)),
  campaign: (id) => request("GET", at("campaigns", id)),
  control: (id, action) => request("POST", at("campaigns", id, `/${action}`), {}),
  report: (id, interim = false) =>
    request("GET", at("campaigns", id, interim ? "/report?interim=1" : "/report"), undefined, CHAT_DEADLINE_MS),
  reports: () => request("GET", "/api/reports"),
  callsOverview: (days) => request("GET", `/api/reports/overview?days=${encodeURIComponent(days)}`),
  figures: (id) => request("GET", at("campaigns", id, "/figures")),
  task: (id) => request("GET", at("tasks", id)),
  call: (id) => request("GET", at("calls", id)),
  readAgain: (id) => request("POST", at("calls", id, "/analysis"), undefined, CHAT_DEADLINE_MS),
  order: (callId, what, body) => request("POST", at("calls", callId, `/${what}`), body),
  peaks: (id) => request("GET", at("calls", id, "/peaks")),
  overview: () => request("GET", "/api/overview"),
  lines: () => request("GET", "/api/lines"),
  lifecycle: (filters) => request("GET", `/api/lifecycle?${new URLSearchParams(Object.entries(filters).filter(([, value]) => value))}`),
  undoDecision: (id) => request("POST", at("lifecycle", id, "/undo"), {}),
  feedback: () => request("GET", "/api/feedback"),
  answer: (id, answer) => request("POST", at("feedback", id), { answer }),
  recordingUrl: (callId) => at("calls", callId, "/recording"),
};
