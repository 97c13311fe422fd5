"""The API's answers about lines, trunks and caller IDs as pydantic models. They mirror `lines_query_svc`."""

from datetime import datetime

from pydantic import BaseModel

from opendeep.common.trunk_values import BreakerState


class NodeLinesView(BaseModel):
    """The lines of the node that answers. `queued`: tasks that wait for a line by the trunks' pace."""

    node_id: str
    lines_total: int
    lines_used: int
    queued: int
    draining: bool
    paused_because: str | None


class TenantLinesView(BaseModel):
    """Your own live calls over all nodes, and how many you may have; null: no limit of your own."""

    calls: int
    max_calls: int | None


class CallerIdView(BaseModel):
    number: str
    uses: int
    last_used_at: datetime | None


class AnswersView(BaseModel):
    """Your own ended calls; `answer_rate` is 0 to 1, null without calls."""

    calls: int
    answered: int
    answer_rate: float | None


class TrunkView(BaseModel):
    """One trunk. `tokens`: calls that its pace lets start now; `until`: when a faulty one is tried again."""

    name: str
    max_calls: int
    live_calls: int
    calls_per_second: float
    burst: int
    tokens: float
    countries: list[str]
    breaker: BreakerState
    paused_because: str | None
    until: datetime | None
    caller_ids: list[CallerIdView]
    own_calls_last_day: AnswersView


class LinesView(BaseModel):
    """`node` is null on a node without lines. Empty `countries`: all."""

    node: NodeLinesView | None
    tenant: TenantLinesView
    trunks: list[TrunkView]
