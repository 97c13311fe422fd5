"""The standard answers to a DECISION question, so that who asks and who acts on the answer mean the same."""

TRY_AGAIN = "Try again"
STOP = "Stop here"
OPTIONS = (TRY_AGAIN, STOP)
