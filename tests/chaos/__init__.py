"""Chaos on the real Asterisk: a campaign of many tasks while everything that it stands on is killed at random moments.

`python -m tests.chaos --tasks 200 --seed 7` (or `make chaos`) runs it at full size, `tests/e2e/test_chaos.py` at a size
that fits CI. `world` starts the processes, `faults` breaks them, `evidence` collects what independent witnesses saw
(the callees' SIP, the database, the switch, the kernel's sockets), `judge` says what is wrong with it.
"""
