"""`AssistantTools`: all that the assistant may call in one round of one user's chat.

The look-ups outside are the retriever's; what concerns this user's rows is bound to the user here, not by a model.
"""

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from opendeep.common.clock import Clock
from opendeep.database.db_manager import DatabaseManager
from opendeep.tools.number_tools import ToolRules as ToolRules
from opendeep.tools.number_tools import number_tools
from opendeep.tools.record_tools import record_tools
from opendeep.tools.toolset import Result, ToolSet


class LookUps(Protocol):
    """The retriever."""

    def tool_definitions(self) -> list[dict[str, Any]]: ...
    async def call(self, name: str, arguments: Any) -> Result: ...


class AssistantTools:
    """A toolbox for one round. `plan` is the newest of the chat, `zone` the user's."""

    def __init__(
        self,
        look_ups: LookUps,
        db: DatabaseManager,
        clock: Clock,
        rules: ToolRules,
        user_id: UUID,
        zone: ZoneInfo,
        plan: Mapping[str, Any] | None,
    ) -> None:
        self._look_ups = look_ups
        self._own = ToolSet([*record_tools(db, user_id, zone), *number_tools(db, clock, rules, user_id, plan)])

    def tool_definitions(self) -> list[dict[str, Any]]:
        return [*self._look_ups.tool_definitions(), *self._own.tool_definitions()]

    async def call(self, name: str, arguments: Any) -> Result:
        """Run one tool; never raises for what the model did wrong."""
        if name in self._own:
            return await self._own.call(name, arguments)
        return await self._look_ups.call(name, arguments)
