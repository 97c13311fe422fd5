// A WebSocket of the page: connects, notices silence, reconnects with backoff. What it says goes to its owner.

const FIRST_DELAY_MS = 400;
const MAX_DELAY_MS = 10_000;
const MISSED_HEARTBEATS = 2.5;
const DEFAULT_HEARTBEAT_S = 15;

export class Live {
  /** `onState("connecting" | "live" | "reconnecting" | "off")`, `onHello(hello)`, `onEvent(event)`, `onResync()`, `onSound(bytes)`. */
  constructor({ path = "/api/events", onState, onHello, onEvent, onResync, onSound }) {
    this._path = path;
    this._on = { state: onState, hello: onHello, event: onEvent, resync: onResync, sound: onSound };
    this._socket = null;
    this._wanted = false;
    this._delay = FIRST_DELAY_MS;
    this._retry = 0;
    this._watchdog = 0;
    this._heartbeatMs = DEFAULT_HEARTBEAT_S * 1000;
    window.addEventListener("online", () => this._now());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this._now();
    });
  }

  start() {
    if (this._wanted) return;
    this._wanted = true;
    this._on.state("connecting");
    this._open();
  }

  stop() {
    this._wanted = false;
    clearTimeout(this._retry);
    clearTimeout(this._watchdog);
    const socket = this._socket;
    this._socket = null;
    socket?.close();
    this._on.state("off");
  }

  /** Send text or bytes; false when it cannot be sent now, or more than `most` bytes wait to leave already. */
  send(data, most = Infinity) {
    if (this._socket?.readyState !== WebSocket.OPEN || this._socket.bufferedAmount > most) return false;
    this._socket.send(data);
    return true;
  }

  _open() {
    clearTimeout(this._retry);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${this._path}`);
    socket.binaryType = "arraybuffer";
    this._socket = socket;
    this._watch(socket);
    socket.onmessage = (message) => {
      if (socket !== this._socket) return;
      this._watch(socket);
      if (message.data instanceof ArrayBuffer) this._on.sound(new Uint8Array(message.data));
      else this._take(JSON.parse(message.data));
    };
    socket.onclose = () => this._lost(socket);
  }

  _take(event) {
    if (event.type === "hello") {
      this._delay = FIRST_DELAY_MS;
      if (event.heartbeat_s) this._heartbeatMs = event.heartbeat_s * 1000;
      this._on.state("live");
      this._on.hello(event);
    } else if (event.type === "resync") {
      this._on.resync();
    } else if (event.type !== "heartbeat") {
      this._on.event(event);
    }
  }

  /** A connection that says nothing for too long is dead, whatever the browser believes. */
  _watch(socket) {
    clearTimeout(this._watchdog);
    this._watchdog = setTimeout(() => {
      socket.close();
      this._lost(socket);
    }, this._heartbeatMs * MISSED_HEARTBEATS);
  }

  _lost(socket) {
    if (socket !== this._socket) return;
    this._socket = null;
    clearTimeout(this._watchdog);
    if (!this._wanted) return;
    this._on.state("reconnecting");
    const jitter = 0.75 + Math.random() / 2;
    this._retry = setTimeout(() => this._open(), this._delay * jitter);
    this._delay = Math.min(this._delay * 2, MAX_DELAY_MS);
  }

  _now() {
    if (this._wanted && this._socket === null) this._open();
  }
}
