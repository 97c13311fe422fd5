// The sound of one live call: its socket, the player, the levels. What the page shows of it is `live_call.js`'s.

const RENEW_MS = 2_000;
const LEAD_S = 0.15; // what waits in the player before it is heard: the network brings audio in lumps
const MAX_BEHIND_S = 1;
const RATE_HZ = 8_000;

/** G.711 µ-law, each byte as a sample from -1 to 1 (ITU-T G.711). */
const SAMPLES = Float32Array.from({ length: 256 }, (_, byte) => {
  const code = ~byte & 0xff;
  const magnitude = ((((code & 15) << 3) + 132) << ((code >> 4) & 7)) - 132;
  return (byte & 0x80 ? magnitude : -magnitude) / 32_768;
});

export class CallSound {
  /** `onLevels({callee, ours})` in dBFS, null: silence; `onSpeaker("ai" | "user")`; `onEnd(words)` once, maybe without words. */
  constructor(callId, { onLevels, onSpeaker, onEnd }) {
    this._on = { levels: onLevels, speaker: onSpeaker, end: onEnd };
    this._received = 0;
    this._renewedAt = 0;
    this._playAt = 0;
    this._context = new AudioContext();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this._socket = new WebSocket(`${scheme}://${location.host}/ws/calls/${encodeURIComponent(callId)}/audio?side=both`);
    this._socket.binaryType = "arraybuffer";
    this._socket.onmessage = (message) => this._take(message.data);
    this._socket.onclose = (event) => this._end(event.code === 1000 ? "" : event.reason || "The sound was lost.");
  }

  stop() {
    this._end("");
  }

  _take(data) {
    if (data instanceof ArrayBuffer) {
      this._received += 1;
      this._play(new Uint8Array(data));
    } else {
      const said = JSON.parse(data);
      if (said.type === "levels") this._on.levels(said);
      else if (said.type === "speaker") this._on.speaker(said.speaker);
    }
    // In answer to what has come, not by a timer: timers of hidden tabs are held up.
    const now = performance.now();
    if (now - this._renewedAt < RENEW_MS || this._socket.readyState !== WebSocket.OPEN) return;
    this._renewedAt = now;
    this._socket.send(JSON.stringify({ type: "renew", received: this._received }));
  }

  _play(bytes) {
    const now = this._context.currentTime;
    if (this._playAt < now || this._playAt > now + MAX_BEHIND_S) this._playAt = now + LEAD_S;
    const buffer = this._context.createBuffer(1, bytes.length, RATE_HZ);
    const samples = buffer.getChannelData(0);
    for (let at = 0; at < bytes.length; at += 1) samples[at] = SAMPLES[bytes[at]];
    const source = this._context.createBufferSource();
    source.buffer = buffer;
    source.connect(this._context.destination);
    source.start(this._playAt);
    this._playAt += buffer.duration;
  }

  _end(words) {
    if (this._ended) return;
    this._ended = true;
    this._socket.close();
    this._context.close();
    this._on.end(words);
  }
}
