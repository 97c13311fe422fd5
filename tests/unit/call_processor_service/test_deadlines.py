"""Named deadlines."""

from opendeep.call_processor_service.deadlines import Deadlines


def test_earliest_first_and_each_once() -> None:
    deadlines = Deadlines()
    assert deadlines.seconds_left(0.0) is None
    deadlines.arm("b", 0.0, 5.0)
    deadlines.arm("a", 0.0, 3.0)
    deadlines.arm_once("a", 0.0, 1.0)
    assert deadlines.seconds_left(1.0) == 2.0
    assert deadlines.take_due(2.9) == []
    assert deadlines.take_due(6.0) == ["a", "b"]
    assert deadlines.take_due(6.0) == []


def test_moving_and_disarming() -> None:
    deadlines = Deadlines()
    deadlines.arm("a", 0.0, 1.0)
    deadlines.arm("a", 0.0, 9.0)
    assert deadlines.seconds_left(20.0) == 0.0
    deadlines.disarm("a", "unknown")
    assert deadlines.seconds_left(0.0) is None
