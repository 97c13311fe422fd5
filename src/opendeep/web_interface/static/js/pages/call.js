// One call: both voices as a picture in step with the transcript, what came of it with its proof, what it cost, its timeline.

import { api } from "../api.js";
import { qualityLine } from "../call_quality.js";
import { costLine } from "../call_dialog.js";
import { byId, fill, h, setText } from "../dom.js";
import { callState, clockTime, duration, outcome, outcomeTone, preciseTime, valueText, words } from "../labels.js";
import { citation, pill, timeButton, turnLine } from "../parts.js";
import { waveform } from "../waveform.js";
import { showEmpty, showPart, startPage } from "./common.js";

const ID = location.pathname.split("/").pop();
const LIVE = new Set(["INITIATED", "DIALING", "RINGING", "IN_PROGRESS"]);

let audio = null;
let turns = [];

// -- sound

async function showSound(call) {
  const node = byId("sound");
  if (audio) return;
  if (!call.has_recording) {
    const text = LIVE.has(call.status) ? "The recording can be heard when the call has ended." : "There is no recording of this call.";
    showEmpty(node, text);
    return;
  }
  if (LIVE.has(call.status)) return;
  audio = h("audio", { controls: true, preload: "metadata", src: api.recordingUrl(ID) });
  audio.addEventListener("timeupdate", markTurn);
  await showPart(node, () => api.peaks(ID), (peaks) => [waveform(peaks, audio), audio], "");
}

function play(ms) {
  if (!audio) return;
  audio.currentTime = ms / 1000;
  audio.play().catch(() => {}); // the element shows its own errors
}

/** The turn that is heard now is marked, as far as the player moves. */
function markTurn() {
  const now = audio.currentTime * 1000;
  const current = turns.findLast((turn) => turn.started_ms <= now);
  for (const line of byId("transcript").querySelectorAll("[data-line]")) {
    const here = current !== undefined && line.dataset.line === String(current.turn);
    line.classList.toggle("playing", here);
    if (here) line.setAttribute("aria-current", "true");
    else line.removeAttribute("aria-current");
  }
}

// -- words

function drawTranscript(transcript) {
  turns = transcript;
  return transcript.length
    ? h("ol", { class: "transcript" }, transcript.map((turn, place) =>
        h("li", { id: `turn-${turn.turn}`, tabindex: "-1", dataset: { line: turn.turn } },
          timeButton(turn.started_ms, () => play(turn.started_ms)), turnLine(turn), delay(transcript, place))))
    : [];
}

/** How long our answer took; nothing where we were not the next to speak. A turn ends after half a second of silence. */
const waited = (transcript, place) => {
  const [before, turn] = [transcript[place - 1], transcript[place]];
  return before?.speaker === "callee" && turn.speaker === "ai" ? Math.max(0, turn.started_ms - before.ended_ms) : null;
};

function delay(transcript, place) {
  const ms = waited(transcript, place);
  return ms !== null && h("span", { class: "muted latency", title: "From the end of the callee's turn, half a second after the last word, to our first sound" }, `${(ms / 1000).toFixed(1)} s`);
}

function showLatency(transcript) {
  const all = transcript.map((_, place) => waited(transcript, place)).filter((ms) => ms !== null).sort((a, b) => a - b);
  setText(byId("latency"), all.length ? `We answer ${(all[Math.floor(all.length / 2)] / 1000).toFixed(1)} s after a turn (median)` : "");
}

function toTurn(number) {
  const line = byId(`turn-${number}`);
  if (!line) return;
  line.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  line.focus({ preventScroll: true });
  const turn = turns.find((one) => one.turn === number);
  if (turn) play(turn.started_ms);
}

// -- what came of it

function drawResult(call, task) {
  const found = Object.entries(task.result ?? {}).filter(([, field]) => field?.call_id === undefined || field.call_id === call.id);
  const field = ([key, one]) => h("div", {}, h("dt", {}, words(key)), h("dd", {}, valueText(one), " ",
    h("span", { class: "citations" }, (one?.turns ?? []).map((turn) => citation(`turn ${turn}`, () => toTurn(turn), one.quote)))));
  return [
    call.analysis?.summary && h("p", {}, call.analysis.summary),
    qualityLine(call.analysis),
    found.length > 0 && h("dl", { class: "facts" }, found.map(field)),
    call.end_reason && h("p", { class: "muted" }, call.end_reason),
  ].filter(Boolean);
}

function drawCost(call) {
  const seconds = call.answered_at && call.ended_at ? (Date.parse(call.ended_at) - Date.parse(call.answered_at)) / 1000 : null;
  return [
    seconds !== null && h("p", {}, `On the line for ${duration(seconds)}.`),
    call.usage?.cost && h("p", {}, costLine(call.usage.cost)),
  ].filter(Boolean);
}

const drawEvents = (events) =>
  events.length
    ? h("ol", { class: "timeline" }, events.map((event) =>
        h("li", { class: event.kind.startsWith("tool.") ? "tool" : "" },
          h("time", { datetime: event.created_at }, preciseTime(event.created_at)),
          h("span", { class: "words", title: event.kind }, event.detail || event.kind))))
    : [];

function drawFacts(call) {
  const [label, tone] = callState(call.status);
  fill(byId("facts"),
    call.disposition ? pill(outcome(call.disposition), outcomeTone(call.disposition)) : pill(label, tone),
    h("span", { class: "number" }, call.phone_number),
    h("span", { class: "muted" }, clockTime(call.created_at)),
    h("a", { class: "button", href: `/campaigns/${call.campaign_id}` }, "Campaign"));
}

async function refresh() {
  const detail = await api.call(ID);
  const { call, transcript, events } = detail;
  const { task } = await api.task(call.task_id);
  setText(byId("page-title"), `${task.contact_name || call.phone_number}, call ${call.attempt_number}`);
  drawFacts(call);
  showLatency(transcript);
  await Promise.all([
    showSound(call),
    showPart(byId("transcript"), async () => transcript, drawTranscript, "Nobody has spoken."),
    showPart(byId("result"), async () => task, () => drawResult(call, task), "The call has not been judged yet."),
    showPart(byId("cost"), async () => call, () => drawCost(call), "Nothing was paid for this call, as far as is known."),
    showPart(byId("events"), async () => events, drawEvents, "Nothing has happened yet."),
  ]);
}

startPage({ refresh });
