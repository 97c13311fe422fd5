"""What a check found, as a value. How it is printed is the command line's."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """`FAIL` makes the command exit with 1; `UNUSED`: this part is not configured, and that is all right."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNUSED = "not used"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor. `advice` says what to do, `where` names the file and line (or the setting) to mend."""

    part: str
    level: Level
    detail: str
    advice: str = ""
    where: str = ""

    def as_json(self) -> dict[str, str]:
        return {
            "part": self.part,
            "level": self.level.value,
            "detail": self.detail,
            "advice": self.advice,
            "where": self.where,
        }


def ok(part: str, detail: str) -> Finding:
    return Finding(part, Level.OK, detail)


def warn(part: str, detail: str, advice: str, where: str = "") -> Finding:
    return Finding(part, Level.WARN, detail, advice, where)


def fail(part: str, detail: str, advice: str, where: str = "") -> Finding:
    return Finding(part, Level.FAIL, detail, advice, where)


def unused(part: str, detail: str, advice: str = "") -> Finding:
    return Finding(part, Level.UNUSED, detail, advice)
