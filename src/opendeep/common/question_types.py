"""The types of answers that a call can ask for. Values only; what counts as an answer is in `answers`."""

from enum import StrEnum


class QuestionType(StrEnum):
    YES_NO = "yes_no"
    CHOICE = "choice"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    NUMBER = "number"
    TEXT = "text"
