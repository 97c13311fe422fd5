// One round of the chat as it happens: sends the message, hands on what comes, and tells how it ended.

import { ApiError, problemOf, unreachable } from "./api.js";
import { EventReader } from "./event_stream.js";

const SILENCE_MS = 45_000; // the server sends at least a comment every ten seconds

/** The connection broke after the server had kept the message. */
export class ConnectionLost extends ApiError {
  constructor() {
    super(0, "ConnectionLost", "The connection was lost.");
  }
}

/**
 * Resolves to the reply, or to null when `stop` (an AbortController) was used. `onEvent(kind, data)` gets all events
 * before it. Rejects with an `ApiError` when the message was not taken, with `ConnectionLost` when the answer broke off.
 */
export async function chatRound(body, stop, onEvent) {
  const silence = watchdog(SILENCE_MS, () => stop.abort("silence"));
  const progress = { opened: false };
  try {
    return await read(body, stop.signal, silence, progress, onEvent);
  } catch (problem) {
    if (stop.signal.aborted && stop.signal.reason !== "silence") return null;
    if (problem instanceof ApiError) throw problem;
    throw progress.opened ? new ConnectionLost() : unreachable();
  } finally {
    silence.end();
  }
}

async function read(body, signal, silence, progress, onEvent) {
  const response = await fetch("/api/chat/stream", {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify(body),
    signal,
  });
  if (!response.ok) throw problemOf(response.status, await response.json().catch(() => null));
  const reader = new EventReader();
  const stream = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await stream.read();
    if (done) throw new ConnectionLost();
    silence.restart();
    for (const { kind, data } of reader.feed(value)) {
      if (kind === "reply") return data;
      if (kind === "error") throw problemOf(500, data);
      progress.opened ||= kind === "opened";
      onEvent(kind, data);
    }
  }
}

function watchdog(ms, act) {
  let timer = setTimeout(act, ms);
  return {
    restart() {
      clearTimeout(timer);
      timer = setTimeout(act, ms);
    },
    end: () => clearTimeout(timer),
  };
}
