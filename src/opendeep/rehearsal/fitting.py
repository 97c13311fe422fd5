"""Which callees can answer the questions of a plan, and what is true of them then. Pure.

A shipped callee says “yes, Tuesday at ten works for me”, whatever it is asked: it fits a plan whose questions are of
the types of its own. Whoever gives no answer (a mailbox, a wrong number, somebody who refuses) fits every plan.
"""

from collections.abc import Sequence

from opendeep.common.campaign_plan import Question, QuestionType, VoicemailPolicy
from opendeep.common.data_models import Disposition
from opendeep.simulation import Callee, Fact, Truth
from opendeep.simulation.callee_truth import AskedQuestion, FieldValue


def truth_for(callee: Callee, questions: Sequence[Question]) -> Truth | None:
    """The callee's truth with its answers under the keys of these questions; None when it cannot answer them."""
    truth = callee.truth
    if truth is None:
        return None
    if not truth.fields:
        return truth if Disposition.ACHIEVED not in truth.disposition or not questions else None
    own = {question.key: question for question in callee.rehearsal.questions}
    left = dict(truth.fields)
    fields: dict[str, FieldValue] = {}
    for question in questions:
        key = _answer_for(question, own, left)
        if key is not None:
            fields[question.key] = left.pop(key)
        elif question.required:
            return None
    return truth.model_copy(update={"fields": fields})


def truth_of_mailboxes(truth: Truth, policy: VoicemailPolicy) -> Truth:
    """What is right on a mailbox when the plan leaves no message: to hang up."""
    if policy is VoicemailPolicy.LEAVE_MESSAGE or Fact.MESSAGE_LEFT not in truth.must:
        return truth
    right = tuple(Disposition.VOICEMAIL if one is Disposition.VOICEMAIL_LEFT else one for one in truth.disposition)
    must = tuple(fact for fact in truth.must if fact is not Fact.MESSAGE_LEFT)
    return truth.model_copy(update={"disposition": right, "must": must})


def _answer_for(question: Question, own: dict[str, AskedQuestion], left: dict[str, FieldValue]) -> str | None:
    """The key of the callee's answer that fits: its namesake, else the first of the same type."""
    candidates = [question.key, *left] if question.key in left else list(left)
    return next((key for key in candidates if _same_type(question, own[key])), None)


def _same_type(question: Question, other: AskedQuestion) -> bool:
    if question.type is not other.type:
        return False
    if question.type is QuestionType.CHOICE:
        return {option.casefold() for option in question.options} == {option.casefold() for option in other.options}
    return question.type is not QuestionType.TEXT or question.key == other.key
