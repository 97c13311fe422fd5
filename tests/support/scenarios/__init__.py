"""Scenarios that are acted out on a real Asterisk and on the simulated switch, and must look alike on both.

Owns the files' schema, the runner, the two worlds and the comparison. Shares no codec with the product or with the
simulation. The files are in ``tests/scenarios``, what the real one said in ``tests/captures/scenarios``.
"""
