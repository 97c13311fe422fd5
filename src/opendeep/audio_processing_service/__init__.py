"""Live audio: the AudioSocket server, one handler per call, and the Realtime session behind it.

`AudioSocketServer` is the worker that the composition root starts. Nothing here imports another stage; the telephony
side is reached only over the call's doorbell channel and through rows.
"""
