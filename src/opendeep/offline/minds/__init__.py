"""The text minds of the offline world: rules that speak the providers' protocols. No intelligence is pretended.

`chat_api` speaks Chat Completions, `directory_api` Places and Gemini with sample businesses; `planner`, `call_judge`,
`lifecycle_judge` and `report_writer` are the rules behind them. Production code imports nothing of this, and this
nothing of it.
"""

from starlette.routing import Route

from opendeep.offline.minds import chat_api, directory_api


def routes() -> list[Route]:
    """All routes of the minds, below `/v1`."""
    return [*chat_api.routes(), *directory_api.routes()]
