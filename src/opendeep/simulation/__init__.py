"""A telephone network in the process: a switch that speaks AMI and AudioSocket, and callees that talk.

Owns the stand-in for Asterisk on machines that have none. It shares no codec with production code, so that one bug
cannot hide another; production reaches it only through sockets. Settings, stores and business rules must not live
here.
"""

from opendeep.simulation.attached_callee import AttachedCallee, CallDecision, IncomingCall
from opendeep.simulation.callee_loader import callees_with, load_callees, shipped_callees
from opendeep.simulation.callee_mistakes import CalleeFileError
from opendeep.simulation.callee_schema import Callee
from opendeep.simulation.callee_truth import Fact, Rehearsal, Truth
from opendeep.simulation.simulated_call import CallSnapshot
from opendeep.simulation.switch import SimulatedSwitch

__all__ = [
    "AttachedCallee",
    "CallDecision",
    "CallSnapshot",
    "Callee",
    "CalleeFileError",
    "Fact",
    "IncomingCall",
    "Rehearsal",
    "SimulatedSwitch",
    "Truth",
    "callees_with",
    "load_callees",
    "shipped_callees",
]
