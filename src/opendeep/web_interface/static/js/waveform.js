// Both voices of a call as a picture: the callee above the line, the AI below it, and where the player is.

import { h } from "./dom.js";

const HEIGHT = 120;
const GAP = 1;

/** `peaks` of `GET /api/calls/{id}/peaks`; `audio` plays the same recording. Returns the node. */
export function waveform(peaks, audio) {
  const canvas = h("canvas", { class: "waveform", role: "img", "aria-label": label(peaks) });
  const draw = () => paint(canvas, peaks, audio.currentTime);
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    audio.currentTime = ((event.clientX - box.left) / box.width) * peaks.seconds;
    audio.play().catch(() => {}); // the element shows its own errors
  });
  for (const kind of ["timeupdate", "seeking", "loadedmetadata"]) audio.addEventListener(kind, draw);
  new ResizeObserver(draw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  return canvas;
}

const label = ({ seconds }) => `Loudness of both voices over ${Math.round(seconds)} seconds. The player below moves through it.`;

function paint(canvas, { seconds, callee, ai }, at) {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  if (!width) return;
  canvas.width = width * scale;
  canvas.height = HEIGHT * scale;
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  const style = getComputedStyle(canvas);
  const colour = (name) => style.getPropertyValue(name).trim();
  const middle = HEIGHT / 2;
  const bar = Math.max(width / Math.max(callee.length, 1), 0.5);
  const row = (values, fill, up) => {
    context.fillStyle = fill;
    values.forEach((value, place) => {
      const tall = Math.max(1, Math.sqrt(value) * (middle - 2));
      context.fillRect(place * bar, up ? middle - tall : middle, Math.max(bar - (bar > 3 ? GAP : 0), 0.5), tall);
    });
  };
  row(callee, colour("--good"), true);
  row(ai, colour("--accent"), false);
  if (seconds > 0) {
    context.fillStyle = colour("--text");
    context.fillRect(Math.min(width - 2, (at / seconds) * width), 0, 2, HEIGHT);
  }
}
