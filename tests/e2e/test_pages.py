"""The page in a real Chromium: what a person sees and does, on the real services and once on the whole product.

Every test also holds the browser's own complaints against the page: console errors, exceptions, requests to elsewhere.
"""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from opendeep.audio_processing_service.live_messages import Sound, write_sound
from opendeep.common.channels import call_commands, call_sound
from opendeep.common.data_models import CallStatus, Disposition, FeedbackStatus, Speaker, Task
from opendeep.llm_integrations.openai_form_client import ToolStep
from tests.support.audio import mulaw_encode, tone
from tests.support.browser import Complaints, chromium, skip_without_browser, watch
from tests.support.product import product
from tests.support.web_world import PLAN, WebWorld, ask, dial, finish, report, serving, speak, web_world, wish

pytestmark = pytest.mark.chromium

EVIL = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
FORM = {
    "title": "A few details",
    "fields": [
        {"name": "window", "label": "When may I call?", "type": "select", "options": ["any time", "9:00-20:00"]},
        {"name": "facts", "label": "Facts I may tell", "type": "textarea", "required": False},
    ],
}
CONFIRM = "Confirm and Schedule Campaign"
KEPT = "The call is over; your answer is kept for the next call."
WHOLE_LOOP_MS = 120_000
DEADLINE_S = 60.0


@dataclass
class Desk:
    """One person in front of the page."""

    world: WebWorld
    url: str
    context: BrowserContext
    page: Page
    complaints: Complaints

    async def open(self) -> None:
        await self.page.goto(self.url)
        await self.page.wait_for_selector("html[data-ready=yes]")

    async def write(self, text: str) -> None:
        await self.page.get_by_label("Message", exact=True).fill(text)
        await self.page.keyboard.press("Enter")

    async def campaign(self, plan: dict[str, Any] = PLAN) -> list[Task]:
        """Sign in, get a plan, confirm it; the tasks as the database has them."""
        self.world.model.say("Here is the plan.", campaign_plan=plan)
        await self.open()
        await self.page.get_by_label("Your name").fill("Maria Keller")
        await self.write(wish(plan))
        await self.page.get_by_role("button", name=CONFIRM).click()
        await expect(self.page.locator(".task-row")).to_have_count(len(plan["tasks"]))
        user_id = await self.world.user_id("Maria Keller")
        campaigns = await self.world.services.campaigns.campaigns(user_id)
        async with self.world.db.read() as work:
            return await work.tasks.of_campaign(user_id, UUID(campaigns[0]["id"]))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    skip_without_browser()
    async with (
        web_world(tmp_path) as world,
        serving(world.app) as url,
        chromium(tmp_path / "profile", viewport={"width": 1280, "height": 860}) as context,
    ):
        page = context.pages[0]
        complaints = watch(page, url)
        complaints.expected = ("401 (Unauthorized)",)  # the page asks who it is before anybody signed in
        yield Desk(world, url, context, page, complaints)
        assert complaints.found == []
        assert await page.evaluate("window.hacked") is None


async def test_the_name_can_be_edited_until_the_first_message(desk: Desk) -> None:
    await desk.open()
    name = desk.page.get_by_label("Your name")
    await expect(name).to_have_value("Guest")
    await expect(desk.page.locator("#banner")).to_contain_text("Simulated:")
    await name.fill("Maria Keller")
    desk.world.model.say("Whom shall I call?")
    await desk.write("Please make a call.")
    await expect(desk.page.locator(".message.assistant")).to_contain_text("Whom shall I call?")
    await expect(name).to_be_hidden()
    await expect(desk.page.locator("#signed-in-name")).to_have_text("Maria Keller")
    await desk.page.reload()
    await expect(desk.page.locator(".message")).to_have_count(2)
    await expect(desk.page.locator("#signed-in-name")).to_have_text("Maria Keller")
    await desk.page.get_by_role("button", name="Sign out").click()
    await expect(name).to_have_value("Guest")
    await expect(desk.page.locator(".message")).to_have_count(0)


async def test_a_form_is_answered_and_only_a_valid_plan_can_be_confirmed(desk: Desk) -> None:
    await desk.open()
    desk.world.model.say("A few things are missing.", form=FORM)
    await desk.write("Call Dan at 12.")
    submit = desk.page.get_by_role("button", name="Submit Answers")
    await submit.click()
    await expect(desk.page.get_by_role("alert").filter(has_text="When may I call?")).to_be_visible()
    await desk.page.get_by_label("When may I call?").select_option("any time")
    broken = {**PLAN, "tasks": [{"contact_name": "Dan", "phone_number": "12"}]}
    desk.world.model.say("Here is the plan.", campaign_plan=broken)
    await submit.click()
    await expect(desk.page.locator(".message.user").last).to_contain_text("any time")
    await expect(desk.page.locator(".plan-card .notice")).to_contain_text("Dan")
    await expect(desk.page.get_by_role("button", name=CONFIRM)).to_have_count(0)
    desk.world.model.say("Corrected.", campaign_plan=PLAN)
    await desk.write(f"Not Dan. {wish()}")
    await expect(desk.page.get_by_role("button", name=CONFIRM)).to_have_count(1)
    newest = desk.page.locator(".plan-card").last
    for words in ("+12025550104", "sample directory", "Does Tuesday at ten work for you?", "AI assistant calling"):
        await expect(newest).to_contain_text(words)
    await expect(desk.page.locator(".plan-card").first).to_contain_text("Replaced by a newer plan.")
    answers = desk.world.model.seen[1][-1]["content"]
    assert "any time" in answers


async def test_a_pre_flight_that_comes_late_does_not_move_the_button_from_under_a_click(desk: Desk) -> None:
    asked_for, may_answer = asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        asked_for.set()
        await may_answer.wait()
        await route.continue_()

    await desk.page.route("**/preflight", late)
    desk.world.model.say("Here is the plan.", campaign_plan=PLAN)
    await desk.open()
    await desk.write(wish())
    button = desk.page.get_by_role("button", name=CONFIRM)
    await button.hover()
    await asked_for.wait()
    await desk.page.mouse.down()
    may_answer.set()
    looked_through = desk.page.locator(".preflight")
    await expect(looked_through).not_to_contain_text("Looking through")
    await expect(looked_through.locator("p")).not_to_have_count(1)  # more lines than there were
    await desk.page.mouse.up()
    await expect(desk.page.locator(".task-row")).to_have_count(len(PLAN["tasks"]))


async def test_a_trunk_that_fails_is_told_at_the_campaign_now_and_later(desk: Desk) -> None:
    task, *_ = await desk.campaign()
    said = "Calls wait: the trunk “world” has a fault."
    for kind, sentence in (("trunk.paused", said), ("trunk.resumed", "The trunk “world” works again.")):
        async with desk.world.db.transaction() as work:
            await work.events.add(task.user_id, kind, sentence, campaign_id=task.campaign_id)
    news = desk.page.locator(".campaign-card > .timeline li")
    await expect(news).to_contain_text([said, "works again"])
    await desk.page.reload()
    await expect(news).to_contain_text([said, "works again"])
    stranger = await desk.world.services.campaigns.sign_in("Ann")
    async with desk.world.db.read() as work:
        assert await work.events.of_campaign(stranger.id, task.campaign_id) == []


async def test_a_look_up_in_vain_is_told_as_one(desk: Desk) -> None:
    results = [("Harbour", "found"), ("Nowhere", "not_found"), ("Broken", "error")]
    steps = [
        ToolStep(str(at), "get_authoritative_business_info", {"name": name}, {"status": status})
        for at, (name, status) in enumerate(results)
    ]
    await desk.open()
    desk.world.model.say("I looked.", steps=steps)
    await desk.write("Look them up.")
    shown = desk.page.locator(".tool-steps li")
    await expect(shown).to_have_text(
        ["Looked up Harbour", "Looked up Nowhere: nothing found", "Looked up Broken: this did not work"]
    )


async def test_a_campaign_from_confirmation_to_report(desk: Desk, tmp_path: Path) -> None:
    tasks = await desk.campaign()
    record(tmp_path / "call.wav")
    row = desk.page.locator(".task-row").first
    await expect(row).to_contain_text("Not called yet")
    call = await dial(desk.world, tasks[0])
    await expect(row.locator(".pill")).to_have_text("Talking")
    await speak(desk.world, call, 1, Speaker.AI, "Does Tuesday at ten work")
    await speak(desk.world, call, 1, Speaker.AI, "Does Tuesday at ten work for you?")
    await speak(desk.world, call, 2, Speaker.CALLEE, "Ten is fine.")
    await expect(row.locator(".turn")).to_have_count(2)
    await expect(row.locator(".turn.ai")).to_contain_text("for you?")
    await finish(desk.world, call, Disposition.ACHIEVED, "She agreed to Tuesday at ten.", "call.wav")
    await expect(row.locator(".pill").first).to_have_text("Achieved")
    for task in tasks[1:]:
        other = await dial(desk.world, task)
        await finish(desk.world, other, Disposition.DECLINED, "No.", None)
    await report(desk.world, call.user_id, call.campaign_id)
    shown = desk.page.locator(".report")
    await expect(shown.locator(".headline")).to_have_text("Anna Meyer agreed to Tuesday at ten.")
    await expect(desk.page.locator(".campaign-card")).to_contain_text("3 of 3 tasks finished")
    await shown.get_by_role("button", name="turn 2").click()
    dialog = desk.page.get_by_role("dialog")
    await expect(dialog.locator(".cited")).to_contain_text("Ten is fine.")
    await expect(dialog.locator("li")).to_have_count(3)  # two turns, one line of the timeline
    duration = "() => { const a = document.querySelector('dialog audio'); return a && a.duration > 1.9; }"
    await desk.page.wait_for_function(duration)
    await desk.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()


async def test_a_question_during_the_call_is_answered_on_the_page(desk: Desk) -> None:
    tasks = await desk.campaign()
    call = await dial(desk.world, tasks[0])
    first = await ask(desk.world, call, "Must she be at home?", ["Yes", "No, we have a key"])
    panel = desk.page.get_by_role("region", name="Needs you")
    await expect(panel).to_contain_text("Must she be at home?")
    await expect(panel).to_contain_text("Anna Meyer")
    await expect(panel.locator(".countdown")).to_contain_text("s left")
    assert await desk.page.title() == "(1) OpenDeep"
    await panel.get_by_role("button", name="No, we have a key").click()
    await expect(panel).to_be_hidden()
    assert await desk.page.title() == "OpenDeep"
    assert await answer_of(desk, first.id) == (FeedbackStatus.ANSWERED, "No, we have a key")
    second = await ask(desk.world, call, "Which door?")
    await panel.get_by_label("Your answer").fill("The blue one")
    await panel.get_by_label("Your answer").press("Enter")
    await expect(panel).to_be_hidden()
    assert await answer_of(desk, second.id) == (FeedbackStatus.ANSWERED, "The blue one")


async def test_a_live_call_is_listened_to_told_something_and_hung_up_from_its_row(desk: Desk) -> None:
    tasks = await desk.campaign()
    call = await dial(desk.world, tasks[0])
    row = desk.page.locator(".task-row").first
    async with desk.world.bell.listen(call_commands(call.id)) as orders:

        async def order(kind: str) -> dict[str, Any]:
            async with asyncio.timeout(DEADLINE_S):
                while (message := await orders.next()) is None or message.data["type"] != kind:
                    pass
            return dict(message.data)

        await row.get_by_role("button", name="Listen").click()
        listen = await order("listen")
        assert listen["side"] == "both"
        loud = write_sound(Sound(100, mulaw_encode(tone(500, 100)), None, -15.3, None, None))
        callee = desk.page.locator(".levels meter").first
        while await callee.evaluate("meter => meter.value") < -16:  # levels come with every second batch
            await desk.world.bell.ring(call_sound(call.id), loud)
        assert await desk.page.locator(".levels meter").last.evaluate("meter => meter.value") == -60
        await row.get_by_role("button", name="Stop listening").click()
        assert (await order("unlisten"))["listener"] == listen["listener"]
        await expect(row.get_by_role("button", name="Listen")).to_be_visible()

        await row.get_by_label("What the AI should know").fill("Offer ten percent.")
        await desk.page.keyboard.press("Enter")
        told = await order("whisper")
        assert told["text"] == "Offer ten percent."
        await desk.world.bell.ring(call_commands(call.id), {"type": "obeyed", "request_id": told["request_id"]})
        await expect(row.get_by_role("status")).to_have_text("The AI knows.")
        await expect(row.get_by_label("What the AI should know")).to_have_value("")

        await row.get_by_role("button", name="Hang up").click()
        await row.get_by_role("button", name="Really hang up?").click()
        assert (await order("hangup"))["reason"] == "user_hung_up"
        await finish(desk.world, call, Disposition.DECLINED, "No.", None)
        await desk.world.bell.ring(call_commands(call.id), {"type": "ended"})
        await expect(row.locator(".live-call")).to_be_hidden()


async def test_a_question_that_was_missed_is_answered_late(desk: Desk) -> None:
    tasks = await desk.campaign()
    call = await dial(desk.world, tasks[0])
    question = await ask(desk.world, call, "Still there?", ["Yes"])
    panel = desk.page.get_by_role("region", name="Needs you")
    answer = panel.get_by_label("Your answer")
    await answer.fill("I was on")
    async with desk.world.db.transaction() as work:
        await work.feedback.close(question.id, FeedbackStatus.EXPIRED)
    await expect(panel).to_contain_text("Time is up, the AI goes on without it.")
    await expect(panel.locator(".pill")).to_have_text("Missed")
    await expect(panel.locator(".countdown")).to_be_hidden()
    await expect(answer).to_have_value("I was on")
    assert await desk.page.title() == "OpenDeep"
    await desk.world.db.update_call_status(call.id, CallStatus.COMPLETED)
    await expect(panel.get_by_role("status")).to_have_text(KEPT)
    await answer.fill("I was on the stairs")
    await answer.press("Enter")
    await expect(panel.locator(".pill")).to_have_text("Answered")
    await expect(panel.get_by_role("status")).to_have_text(KEPT)
    await expect(answer).to_have_count(0)
    await panel.get_by_role("button", name="Close").click()
    await expect(panel).to_be_hidden()
    assert await answer_of(desk, question.id) == (FeedbackStatus.ANSWERED, "I was on the stairs")
    async with desk.world.db.read() as work:
        assert (await work.feedback.get(call.user_id, question.id)).late


async def test_a_missed_question_is_offered_again_until_it_is_left_or_its_task_is_done(desk: Desk) -> None:
    tasks = await desk.campaign()
    calls = [await dial(desk.world, task) for task in tasks[:2]]
    for call, words in zip(calls, ("Which door?", "Which floor?"), strict=True):
        await ask(desk.world, call, words)
        async with desk.world.db.transaction() as work:
            await work.feedback.withdraw_of_call(call.id)
    questions = desk.page.locator(".question-text")
    await expect(desk.page.locator(".question.missed")).to_have_count(2)
    await desk.page.reload()
    await expect(questions).to_have_text(["Which floor?", "Which door?"])  # the newest first
    await expect(desk.page.locator(".question").first).to_contain_text(KEPT)
    urgent = await ask(desk.world, await dial(desk.world, tasks[2]), "Which entrance?")
    await expect(questions.first).to_have_text(urgent.question)  # somebody waits on the phone for this one
    await desk.page.get_by_label("Your answer").first.fill("The west one")
    await desk.page.keyboard.press("Enter")
    await expect(questions).to_have_text(["Which floor?", "Which door?"])
    await desk.page.get_by_role("button", name="Leave it").first.click()
    await expect(questions).to_have_text(["Which door?"])
    await finish(desk.world, calls[0], Disposition.DECLINED, "No.", None)
    await expect(questions).to_have_count(0)


async def test_hostile_strings_stay_text_everywhere(desk: Desk) -> None:
    plan = {**PLAN, "title": EVIL, "objective": EVIL, "may_say": [EVIL]}
    plan["tasks"] = [{"contact_name": EVIL, "phone_number": "+12025550101", "menu_hint": EVIL, "source": EVIL}]
    plan["questions"] = [{"key": "x", "ask": EVIL, "type": "choice", "options": [EVIL]}]
    tasks = await desk.campaign(plan)
    call = await dial(desk.world, tasks[0])
    await speak(desk.world, call, 1, Speaker.CALLEE, EVIL)
    await ask(desk.world, call, EVIL, [EVIL])
    await expect(desk.page.locator(".live-words")).to_contain_text(EVIL)
    await expect(desk.page.locator(".question-text")).to_have_text(EVIL)
    await desk.page.locator(".question .option").click()
    await finish(desk.world, call, Disposition.DECLINED, EVIL, None)
    await report(desk.world, call.user_id, call.campaign_id)
    await expect(desk.page.locator(".report-task")).to_contain_text(EVIL)
    await desk.page.locator(".task > summary").click()
    await expect(desk.page.locator(".task-body .timeline")).to_contain_text(EVIL)
    desk.world.model.say(EVIL, form={"title": EVIL, "fields": [{"name": "a", "label": EVIL, "value": EVIL}]})
    await desk.write(EVIL)
    await expect(desk.page.locator(".form-card")).to_contain_text(EVIL)
    await desk.page.reload()
    await expect(desk.page.locator(".message.user").last).to_contain_text(EVIL)
    assert await desk.page.locator("main script, main img").count() == 0


async def test_a_lost_connection_is_said_and_nothing_is_shown_twice(desk: Desk) -> None:
    async with serving(desk.world.app) as url:
        desk.complaints.expected += ("ERR_CONNECTION_REFUSED", "WebSocket connection", "external request: " + url)
        desk.url = url
        tasks = await desk.campaign()
        call = await dial(desk.world, tasks[0])
        await speak(desk.world, call, 1, Speaker.AI, "Hello.")
        row = desk.page.locator(".task-row").first
        await expect(row.locator(".turn")).to_have_count(1)
    connection = desk.page.locator("#connection")
    await expect(connection).to_contain_text("Reconnecting")
    await speak(desk.world, call, 2, Speaker.CALLEE, "You missed this.")
    question = await ask(desk.world, call, "And this?")
    async with serving(desk.world.app, int(url.rsplit(":", 1)[1])):
        await expect(connection).to_have_text("Live")
        await expect(row.locator(".turn")).to_have_count(2)
        await expect(desk.page.locator(".question-text")).to_have_text(question.question)
        await speak(desk.world, call, 3, Speaker.AI, "Now live again.")
        await expect(row.locator(".turn")).to_have_count(3)
        await expect(desk.page.locator(".task-row")).to_have_count(3)
        await desk.page.goto("about:blank")


async def test_errors_are_said_and_the_words_are_kept(desk: Desk) -> None:
    await desk.open()
    await desk.page.get_by_label("Your name").fill("   ")
    desk.complaints.expected += ("400 (Bad Request)",)
    await desk.write("Call Anna.")
    await expect(desk.page.locator("#composer-error")).to_contain_text("Please choose a name")
    await expect(desk.page.get_by_label("Message", exact=True)).to_have_value("Call Anna.")
    await expect(desk.page.locator(".message")).to_have_count(0)
    await expect(desk.page.get_by_label("Your name")).to_be_editable()


async def test_pause_resume_and_stop(desk: Desk) -> None:
    await desk.campaign()
    card = desk.page.locator(".campaign-card")
    await card.get_by_role("button", name="Pause").click()
    await expect(card.locator(".card-head .pill")).to_have_text("Paused")
    await card.get_by_role("button", name="Resume").click()
    await expect(card.locator(".card-head .pill")).to_have_text("Running")
    await card.get_by_role("button", name="Stop").click()
    await card.get_by_role("button", name="Really stop?").click()
    await expect(card).to_contain_text("3 of 3 tasks finished")


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (360, "dark"), (1600, "dark")])
async def test_it_fits_every_width_in_light_and_dark(tmp_path: Path, width: int, scheme: str) -> None:
    skip_without_browser()
    options = {"viewport": {"width": width, "height": 740}, "color_scheme": scheme}
    async with (
        web_world(tmp_path) as world,
        serving(world.app) as url,
        chromium(tmp_path / "profile", **options) as context,
    ):
        page = context.pages[0]
        desk = Desk(world, url, context, page, watch(page, url))
        tasks = await desk.campaign()
        call = await dial(world, tasks[0])
        await ask(world, call, "A rather long question, which does not fit on one line of a phone?", ["Yes", "No"])
        await expect(page.locator(".question")).to_be_visible()
        sizes = await page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        assert sizes == [width, 740]  # nothing hangs out sideways, the window never scrolls as a whole
        ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(int(n) for n in ground[4:-1].split(",")) < 150) == (scheme == "dark")


async def test_the_whole_product_from_the_first_words_to_the_report(tmp_path: Path) -> None:
    skip_without_browser()
    folder = tmp_path / "data"
    folder.mkdir()
    async with product(folder) as program, chromium(tmp_path / "profile") as context:
        await program.ready()
        page = context.pages[0]
        complaints = watch(page, program.url)
        complaints.expected = ("401 (Unauthorized)",)
        await page.goto(program.url)
        await page.get_by_label("Your name").fill("Maria Keller")
        request = "Call Dan Reed at +1 202 555 0105 and book the yearly boiler inspection on Tuesday at ten."
        await page.get_by_label("Message", exact=True).fill(request)
        await page.get_by_role("button", name="Send").click()
        await page.get_by_label("When may I call?").select_option("any time", timeout=WHOLE_LOOP_MS)
        await page.get_by_role("button", name="Submit Answers").click()
        await page.get_by_role("button", name=CONFIRM).click(timeout=WHOLE_LOOP_MS)
        answer = page.get_by_role("region", name="Needs you").get_by_label("Your answer")
        await answer.fill("Yes, for about half an hour.", timeout=WHOLE_LOOP_MS)
        await answer.press("Enter")
        await expect(page.locator(".report .headline")).to_be_visible(timeout=WHOLE_LOOP_MS)
        await expect(page.locator(".report-task .pill")).to_have_text("Achieved")
        await page.locator(".report-task .citation").first.click()
        await expect(page.locator("dialog .cited")).not_to_have_count(0)
        played = "() => { const a = document.querySelector('dialog audio'); return a && a.duration > 5; }"
        await page.wait_for_function(played)
        assert complaints.found == []


async def answer_of(desk: Desk, feedback_id: UUID) -> tuple[FeedbackStatus, str | None]:
    async with desk.world.db.read() as work:
        feedback = await work.feedback.get(await desk.world.user_id("Maria Keller"), feedback_id)
        return feedback.status, feedback.answer


def record(path: Path) -> None:
    """Two seconds of stereo silence at 8 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(bytes(8_000 * 4 * 2))


async def test_a_script_is_read_edited_and_confirmed_as_it_was_saved(desk: Desk) -> None:
    await desk.open()
    desk.world.model.say("Here is the plan.", campaign_plan={**PLAN, "engine": "scripted"})
    await desk.page.get_by_label("Your name").fill("Maria Keller")
    await desk.write(wish())
    card = desk.page.locator(".plan-card").last
    await expect(card).to_contain_text("The script, word for word")
    await expect(card.get_by_label("Question 1", exact=True)).to_have_value("Does Tuesday at ten work for you?")
    confirm, save = card.get_by_role("button", name=CONFIRM), card.get_by_role("button", name="Save script")
    await expect(save).to_be_disabled()
    await card.get_by_label("Goodbye", exact=True).fill(EVIL)
    await expect(confirm).to_be_disabled()
    await expect(card.get_by_role("alert").filter(has_text="Save the script")).to_be_visible()
    await card.get_by_text("What else it says when it is needed").click()
    await card.get_by_label("They want no more calls").fill("You are off our list. Goodbye.")
    await save.click()
    newer = desk.page.locator(".plan-card").nth(1)
    await expect(newer.get_by_label("Goodbye", exact=True)).to_have_value(EVIL)
    await expect(desk.page.locator(".plan-card").first).to_contain_text("Replaced by a newer plan.")
    await expect(desk.page.locator(".plan-card").first.get_by_label("Goodbye", exact=True)).to_be_disabled()
    await newer.get_by_label("Who is calling").fill("This is Maria.")
    await newer.get_by_role("button", name="Save script").click()
    broken = desk.page.locator(".plan-card").nth(2)
    await expect(broken.locator(".notice")).to_contain_text("must say that an AI is calling")
    await broken.get_by_label("Who is calling").fill("An AI assistant is calling for Maria Keller.")
    await broken.get_by_role("button", name="Save script").click()
    last = desk.page.locator(".plan-card").nth(3)
    await last.get_by_role("button", name=CONFIRM).click()
    await expect(desk.page.locator(".task-row")).to_have_count(3)
    user_id = await desk.world.user_id("Maria Keller")
    [campaign] = await desk.world.services.campaigns.campaigns(user_id)
    async with desk.world.db.read() as work:
        tasks = await work.tasks.of_campaign(user_id, UUID(campaign["id"]))
    assert {task.brief["script"]["farewell"] for task in tasks} == {EVIL}
    assert {task.brief["disclosure"] for task in tasks} == {"An AI assistant is calling for Maria Keller."}
    await desk.page.reload()
    await expect(desk.page.locator(".plan-card")).to_have_count(4)
    await expect(desk.page.get_by_label("Goodbye", exact=True).last).to_be_disabled()


async def test_calls_are_made_word_for_word_by_one_button(desk: Desk) -> None:
    await desk.open()
    desk.world.model.say("Here is the plan.", campaign_plan=PLAN)
    await desk.page.get_by_label("Your name").fill("Maria Keller")
    await desk.write(wish())
    await desk.page.get_by_role("button", name="Hold these calls word for word").click()
    await expect(desk.page.locator(".plan-card").last).to_contain_text("The script, word for word")
    await desk.page.get_by_role("button", name="Let the AI speak freely").click()
    await expect(desk.page.locator(".plan-card")).to_have_count(3)
    await expect(desk.page.locator(".plan-card").last).to_contain_text("What the AI says first")


async def test_home_needs_you_and_lines_show_what_goes_on(desk: Desk) -> None:
    page = desk.page
    nav = page.get_by_role("navigation", name="Pages")
    await page.goto(f"{desk.url}/home")
    await expect(page).to_have_url(f"{desk.url}/")  # whoever is not signed in begins with the chat
    [task] = await desk.campaign({**PLAN, "tasks": [{**PLAN["tasks"][0], "contact_name": EVIL}]})
    call = await dial(desk.world, task)
    await nav.get_by_role("link", name="Home").click()
    await expect(page.locator("#live")).to_contain_text(EVIL)
    await expect(page.locator("#waiting")).to_contain_text("Nothing waits for you.")
    question = await ask(desk.world, call, EVIL, options=[EVIL])
    await expect(page.locator("#waiting")).to_contain_text(EVIL)  # told by an event
    await expect(page.locator("#needs-you-count")).to_have_text("1")
    assert (await page.title()).startswith("(1)")
    await nav.get_by_role("link", name="Needs you").click()
    card = page.locator(".question")
    await expect(card).to_contain_text(EVIL)
    await expect(card.locator(".countdown")).to_contain_text("left")
    await card.get_by_role("button", name=EVIL).click()
    await expect(card).to_have_count(0)
    await expect(page.locator("#nothing")).to_contain_text("Nothing waits for you.")
    assert await answer_of(desk, question.id) == (FeedbackStatus.ANSWERED, EVIL)
    await finish(desk.world, call, Disposition.ACHIEVED, "Done.", None)
    await nav.get_by_role("link", name="Home").click()
    await expect(page.locator("#outcomes")).to_contain_text("Achieved")
    await nav.get_by_role("link", name="Lines").click()
    await expect(page.locator("#trunks table")).to_be_visible()
    await expect(page.locator('[aria-current="page"]')).to_have_text("Lines")
