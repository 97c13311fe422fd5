"""Rehearsals: the whole product calls people who do not exist, and judges read from rows and sound how it went.

Owns the judged suite: who is called, the world that they live in, the evidence of each call, the checks, the score and
the report. It drives the product from outside, as a process, through its public API; it never dials a real number.
"""
