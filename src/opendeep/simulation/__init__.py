"""A telephone network in the process: a switch that speaks AMI and AudioSocket, and callees that talk.

Owns the stand-in for Asterisk on machines that have none. It shares no codec with production code, so that one bug
cannot hide another; production reaches it only through sockets. Settings, stores and business rules must not live
here.
"""

from opendeep.simulation.attached_callee import AttachedCallee, CallDecision, IncomingCall
from opendeep.simulation.callee_loader import CalleeFileError, load_callees, shipped_callees
from opendeep.simulation.callee_schema import Callee
from opendeep.simulation.simulated_call import CallSnapshot
from opendeep.simulation.switch import SimulatedSwitch

__all__ = [
    "AttachedCallee",
    "CallDecision",
    "CallSnapshot",
    "Callee",
    "CalleeFileError",
    "IncomingCall",
    "SimulatedSwitch",
    "load_callees",
    "shipped_callees",
]
