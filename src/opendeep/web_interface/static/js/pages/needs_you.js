// Needs you: the questions of live calls with their countdown, decisions after calls, and check-ins, on a page of their own.

import { api } from "../api.js";
import { byId, fill } from "../dom.js";
import { Questions } from "../questions.js";
import { World } from "../world.js";
import { fail, showEmpty, showLoading, showWaiting, startPage } from "./common.js";

const SOUND_KEY = "opendeep.needs-you.sound";
const TONE_HZ = 660;
const TONE_S = 0.18;

const world = new World();
const names = new Map(); // task id → contact
const heard = new Set(); // questions that have been announced
let clockOffsetMs = 0;
let sound = null;

const questions = new Questions({
  answer: async (id, text) => {
    const { feedback } = await api.answer(id, text);
    world.receive({ type: "feedback", feedback });
    return feedback;
  },
  leave: (id) => world.leaveFeedback(id),
  isOver: (question) => question.status === "CANCELLED",
  nameOf: (question) => names.get(question.task_id) ?? "",
  now: () => Date.now() + clockOffsetMs,
});

world.onChange = (kind) => {
  if (kind === "feedback") show().catch(fail);
};

async function show() {
  const shown = world.answerableFeedback();
  await learnNames(shown);
  questions.show(shown);
  const open = shown.filter((question) => question.status === "PENDING");
  showWaiting(open.length);
  if (shown.length) fill(byId("nothing"));
  else showEmpty(byId("nothing"), "Nothing waits for you. Questions of your calls appear here at once.");
  for (const question of open) announce(question);
}

async function learnNames(shown) {
  const unknown = [...new Set(shown.map((question) => question.task_id))].filter((id) => !names.has(id));
  await Promise.all(
    unknown.map(async (id) => {
      const { task } = await api.task(id);
      names.set(id, task.contact_name);
    }),
  );
}

function announce(question) {
  if (heard.has(question.id)) return;
  heard.add(question.id);
  if (byId("sound").checked) ring();
  if (document.visibilityState === "hidden" && globalThis.Notification?.permission === "granted") {
    const note = new Notification("OpenDeep needs you", { body: question.question, tag: question.id });
    note.onclick = () => window.focus();
  }
}

function ring() {
  sound ??= new AudioContext();
  const tone = new OscillatorNode(sound, { frequency: TONE_HZ });
  const level = new GainNode(sound, { gain: 0.15 });
  tone.connect(level).connect(sound.destination);
  tone.start();
  tone.stop(sound.currentTime + TONE_S);
}

function bindAttention() {
  const box = byId("sound");
  box.checked = localStorage.getItem(SOUND_KEY) === "on";
  box.addEventListener("change", () => {
    localStorage.setItem(SOUND_KEY, box.checked ? "on" : "off");
    if (box.checked) ring();
  });
  const ask = byId("notify");
  ask.hidden = globalThis.Notification?.permission !== "default";
  ask.addEventListener("click", async () => {
    await Notification.requestPermission();
    ask.hidden = true;
  });
}

showLoading(byId("nothing"));
bindAttention();
startPage({
  onHello: (hello) => {
    clockOffsetMs = Date.parse(hello.now) - Date.now();
    world.putPendingFeedback(hello.feedback);
  },
  onEvent: (event) => {
    if (event.type === "feedback") world.receive(event);
  },
  refresh: async () => {
    try {
      await world.during(api.feedback, ({ feedback }) => world.putPendingFeedback(feedback));
    } catch (problem) {
      fail(problem);
    }
  },
});
