// The sound of one live call: its socket, the player, the levels, the way of a microphone into it. What the page shows
// of it is `live_call.js`'s.

import { ScheduledPlayout } from "./playout.js";

const RENEW_MS = 2_000;
const PIECE_BYTES = 320; // of microphone: 40 ms
const MAX_UNSENT_BYTES = 3_200;

export class CallSound {
  /**
   * `onLevels({callee, ours})` in dBFS, null: silence; `onSpeaker("ai" | "user", you)`; `onEnd(words)` once, maybe
   * without words. `context` is its AudioContext; `listener` resolves with the id under which one takes over.
   */
  constructor(callId, { onLevels, onSpeaker, onEnd }) {
    this._on = { levels: onLevels, speaker: onSpeaker, end: onEnd };
    this._received = 0;
    this._renewedAt = 0;
    this._spoken = [];
    this.context = new AudioContext();
    this._playout = new ScheduledPlayout(this.context);
    this.listener = new Promise((resolve, reject) => {
      this._known = resolve;
      this._unknown = reject;
    });
    this.listener.catch(() => {}); // most listeners never take over
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this._socket = new WebSocket(`${scheme}://${location.host}/ws/calls/${encodeURIComponent(callId)}/audio?side=both`);
    this._socket.binaryType = "arraybuffer";
    this._socket.onmessage = (message) => this._take(message.data);
    this._socket.onclose = (event) => this._end(event.code === 1000 ? "" : event.reason || "The sound was lost.");
  }

  stop() {
    this._end("");
  }

  /** Hear another side from now on: `both`, `callee`, `ours`. */
  hear(side) {
    if (this._socket.readyState === WebSocket.OPEN) this._socket.send(JSON.stringify({ type: "hear", side }));
  }

  /** 20 ms of microphone, µ-law; dropped while the network does not take it. */
  speak(bytes) {
    this._spoken.push(...bytes);
    if (this._spoken.length < PIECE_BYTES) return;
    const piece = Uint8Array.from(this._spoken);
    this._spoken = [];
    if (this._socket.readyState !== WebSocket.OPEN || this._socket.bufferedAmount > MAX_UNSENT_BYTES) return;
    this._socket.send(piece);
  }

  _take(data) {
    if (data instanceof ArrayBuffer) {
      this._received += 1;
      this._playout.play(new Uint8Array(data));
    } else {
      const said = JSON.parse(data);
      if (said.type === "levels") this._on.levels(said);
      else if (said.type === "speaker") this._on.speaker(said.speaker, said.you);
      else if (said.type === "hello") this._known(said.listener);
    }
    // In answer to what has come, not by a timer: timers of hidden tabs are held up.
    const now = performance.now();
    if (now - this._renewedAt < RENEW_MS || this._socket.readyState !== WebSocket.OPEN) return;
    this._renewedAt = now;
    this._socket.send(JSON.stringify({ type: "renew", received: this._received }));
  }

  _end(words) {
    if (this._ended) return;
    this._ended = true;
    this._unknown(new Error(words || "The sound has ended."));
    this._socket.close();
    this.context.close();
    this._on.end(words);
  }
}
