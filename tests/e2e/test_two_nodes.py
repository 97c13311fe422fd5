"""Two processes over one PostgreSQL and one Redis: the page's node is not the call's node.

What the callee says crosses to the page, the question of the AI too, and the answer goes back into the live call.
"""

from pathlib import Path

import pytest

from tests.support.product import product, user_at_page

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

ANSWER = "Yes, for about half an hour."


async def test_a_call_on_another_node_is_watched_and_helped(postgres_url: str, redis_url: str, tmp_path: Path) -> None:
    shared = {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url, "SECRET_KEY": "the same on every node"}
    folders = [tmp_path / "page", tmp_path / "voice"]
    for folder in folders:
        folder.mkdir()
    page_node = product(folders[0], NODE_ID="page", OPENDEEP_ROLES="web", **shared)
    voice_node = product(folders[1], NODE_ID="voice", OPENDEEP_ROLES="web,scheduler,voice,analysis,lifecycle", **shared)
    async with page_node as page, voice_node as voice:
        await page.ready()
        await voice.ready()
        async with user_at_page(page.url) as user:
            request = "Call Dan Reed at +1 202 555 0105 and book the yearly boiler inspection on Tuesday at ten."
            plan = await user.plan(request, call_window="any time")
            await user.confirm(plan)
            asked = await user.until(lambda e: e["type"] == "feedback" and e["feedback"]["status"] == "PENDING")
            assert "water" in asked["feedback"]["question"].lower()
            await user.page.post(f"/api/feedback/{asked['feedback']['id']}", {"answer": ANSWER})
            await user.until_said("ai", ANSWER)
            await user.until_task("COMPLETED", disposition="ACHIEVED")
            report = await user.until(lambda e: e["type"] == "campaign" and e["campaign"]["status"] == "COMPLETED")
            assert report["campaign"]["has_report"]
    assert "call.attempt" not in page.events()  # the page's node has no lines
