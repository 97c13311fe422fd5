"""The local Realtime server's protocol: the GA event names and shapes of the OpenAI Realtime API over a WebSocket.

Owns one session from `session.created` to its close. `session` is the pure protocol (events in, events and jobs out),
`connection` the thin shell with the socket, the clock and the speech engines. What is said is decided in
`opendeep.offline.script`.
"""
