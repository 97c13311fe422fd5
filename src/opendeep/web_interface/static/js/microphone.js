// The browser's microphone as µ-law frames of 20 ms, with the browser's own echo cancellation. Says in words why not.

const MODULE = "/static/js/worklet_microphone.js";
const WANTED = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const WHY_NOT = {
  NotAllowedError: "The microphone is not allowed here. Allow it for this page in the browser's address bar.",
  NotFoundError: "No microphone was found. Plug one in.",
  NotReadableError: "The microphone cannot be used: another program may have it.",
};
const INSECURE =
  "Browsers give the microphone only to https:// pages and to http://127.0.0.1 or http://localhost. Open this page there.";

/** The sentence for the page is its message. */
export class NoMicrophone extends Error {}

/**
 * Ask for the microphone. `onFrame(bytes, levelDb)` gets each 20 ms, `onEnd()` tells that the device was taken away.
 * Rejects with `NoMicrophone`.
 */
export async function openMicrophone(context, { onFrame, onEnd }) {
  if (!navigator.mediaDevices?.getUserMedia || !context.audioWorklet) throw new NoMicrophone(INSECURE);
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: WANTED, video: false });
  } catch (error) {
    throw new NoMicrophone(WHY_NOT[error.name] ?? `The microphone cannot be used: ${error.message}`);
  }
  const microphone = new Microphone(context, stream, onEnd);
  try {
    await context.audioWorklet.addModule(MODULE);
    microphone.begin(onFrame);
  } catch (error) {
    microphone.stop();
    throw new NoMicrophone(`The microphone cannot be used: ${error.message}`);
  }
  return microphone;
}

class Microphone {
  constructor(context, stream, onEnd) {
    this._context = context;
    this._stream = stream;
    for (const track of stream.getTracks()) track.addEventListener("ended", onEnd);
  }

  begin(onFrame) {
    this._source = this._context.createMediaStreamSource(this._stream);
    this._node = new AudioWorkletNode(this._context, "microphone", { outputChannelCount: [1] });
    this._node.port.onmessage = ({ data }) => onFrame(data.audio, data.level);
    this._source.connect(this._node).connect(this._context.destination); // its output is silent: it only must be drawn
  }

  /** Muted, it goes on with silence. */
  mute(on) {
    for (const track of this._stream.getTracks()) track.enabled = !on;
  }

  /** Free the device; the browser's sign that it is in use goes out. */
  stop() {
    for (const track of this._stream.getTracks()) track.stop();
    this._source?.disconnect();
    this._node?.disconnect();
    this._node?.port.postMessage(null);
  }
}
