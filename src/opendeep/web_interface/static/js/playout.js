// µ-law from the network as sound: through a jitter buffer on the audio thread, or by the clock where there is none.

import { FLOOR_DB, levelDb } from "./levels.js";
import { decode } from "./ulaw.js";

const MODULE = "/static/js/worklet_playout.js";
const RATE_HZ = 8_000;
const LEAD_S = 0.15; // what waits before it is heard: the network brings audio in lumps
const MAX_BEHIND_S = 1;

/** `onFigures({level, waitingMs, mostMs, droppedMs, gaps})` five times a second; only the level without an audio thread. */
export async function openPlayout(context, onFigures) {
  if (!context.audioWorklet) return new ScheduledPlayout(context, onFigures);
  await context.audioWorklet.addModule(MODULE);
  const node = new AudioWorkletNode(context, "playout", { numberOfInputs: 0, outputChannelCount: [1] });
  node.port.onmessage = ({ data }) => onFigures(data);
  node.connect(context.destination);
  return {
    play: (bytes) => node.port.postMessage(bytes.buffer, [bytes.buffer]),
    stop: () => {
      node.port.postMessage(null);
      node.disconnect();
    },
  };
}

/** Lays each piece after the one before it, with a constant lead. Pages that are no secure context have only this. */
export class ScheduledPlayout {
  constructor(context, onFigures = () => {}) {
    this._context = context;
    this._onFigures = onFigures;
    this._playAt = 0;
    this._reported = 0;
  }

  play(bytes) {
    const now = this._context.currentTime;
    if (this._playAt < now || this._playAt > now + MAX_BEHIND_S) this._playAt = now + LEAD_S;
    const samples = decode(bytes);
    const buffer = this._context.createBuffer(1, samples.length, RATE_HZ);
    buffer.copyToChannel(samples, 0);
    const source = this._context.createBufferSource();
    source.buffer = buffer;
    source.connect(this._context.destination);
    source.start(this._playAt);
    this._playAt += buffer.duration;
    if (now - this._reported < 0.2) return;
    this._reported = now;
    this._onFigures({ level: levelDb(samples) });
  }

  stop() {
    this._onFigures({ level: FLOOR_DB });
  }
}
