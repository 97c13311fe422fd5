"""Stand-ins that speak the providers' protocols: a complete voice and text AI from packages alone.

Owns the offline server (`server`, as a process: `python -m opendeep.offline`, supervised by `runner`), the Realtime
protocol it speaks (`realtime`), the scripted conversation (`script`), real speech in both directions (`speech`) and
the text minds (`minds`). Imports nothing of ours but `common`: it shares no codec with the code that it answers.
"""
