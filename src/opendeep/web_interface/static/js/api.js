// The HTTP API as functions. Errors are `ApiError` with the server's own sentence.

const DEADLINE_MS = 20_000;
const UPLOAD_DEADLINE_MS = 310_000;
const CHAT_DEADLINE_MS = 150_000; // the assistant may look things up for two minutes

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function request(method, path, body, deadlineMs = DEADLINE_MS) {
  const options = { method, credentials: "same-origin", signal: AbortSignal.timeout(deadlineMs) };
  if (body instanceof Blob) {
    options.headers = { "Content-Type": "application/octet-stream" };
    options.body = body;
  } else if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "TimeoutError") throw new ApiError(0, "TimedOut", "The server took too long. Please try again.");
    throw new ApiError(0, "Unreachable", "The server cannot be reached. Please try again in a moment.");
  }
  if (response.status === 204) return null;
  const data = await response.json().catch(() => null);
  if (!response.ok) {
    const known = data?.error ?? {};
    throw new ApiError(
      response.status,
      known.code ?? "Unknown",
      known.message ?? `The server answered ${response.status}.`,
    );
  }
  return data;
}

const at = (path, id, rest = "") => `/api/${path}/${encodeURIComponent(id)}${rest}`;

export const api = {
  session: () => request("GET", "/api/session"),
  signIn: (name) => request("POST", "/api/session", { user_name: name }),
  signOut: () => request("DELETE", "/api/session"),
  status: () => request("GET", "/api/status"),
  chat: (body) => request("POST", "/api/chat", body, CHAT_DEADLINE_MS),
  history: (chatId) => request("GET", at("chat", chatId)),
  preflight: (planId) => request("GET", at("plans", planId, "/preflight"), undefined, CHAT_DEADLINE_MS),
  changePlan: (planId, changes) => request("PATCH", at("plans", planId), changes),
  rehearse: (planId) => request("POST", at("plans", planId, "/rehearsal")),
  rehearsal: (id) => request("GET", at("rehearsals", id)),
  upload: (file) =>
    request("POST", `/api/imports?file_name=${encodeURIComponent(file.name)}`, file, UPLOAD_DEADLINE_MS),
  checkImport: (id, mapping) => request("POST", at("imports", id, "/check"), mapping, UPLOAD_DEADLINE_MS),
  useImport: (id, mapping) => request("POST", at("imports", id, "/use"), mapping, UPLOAD_DEADLINE_MS),
  discardImport: (id) => request("DELETE", at("imports", id)),
  importErrorsUrl: (id) => at("imports", id, "/errors.csv"),
  execute: (planId) => request("POST", "/api/execute_campaign", { plan_id: planId }),
  campaigns: () => request("GET", "/api/campaigns"),
  campaign: (id) => request("GET", at("campaigns", id)),
  control: (id, action) => request("POST", at("campaigns", id, `/${action}`), {}),
  report: (id) => request("GET", at("campaigns", id, "/report")),
  task: (id) => request("GET", at("tasks", id)),
  call: (id) => request("GET", at("calls", id)),
  order: (callId, what, body) => request("POST", at("calls", callId, `/${what}`), body),
  overview: () => request("GET", "/api/overview"),
  lines: () => request("GET", "/api/lines"),
  feedback: () => request("GET", "/api/feedback"),
  answer: (id, answer) => request("POST", at("feedback", id), { answer }),
  recordingUrl: (callId) => at("calls", callId, "/recording"),
};
