"""The API over the real services: who may do what, what bad input gets, and that the models show every field."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import BaseModel

from opendeep.common import views
from opendeep.common.data_models import Disposition, Speaker
from opendeep.common.errors import ProviderFault
from opendeep.web_interface import api_models as m
from opendeep.web_interface.app import create_app
from tests.support.web_world import PLAN, WebWorld, ask, dial, finish, report, speak, wish
from tests.unit.web_interface.conftest import Person

FORM = {"title": "Missing", "fields": [{"name": "window", "label": "When?", "type": "text"}]}


async def plan_of(world: WebWorld, client: httpx.AsyncClient, plan: dict[str, Any] = PLAN) -> dict[str, Any]:
    world.model.say("Here is the plan.", campaign_plan=plan)
    answer = await client.post("/api/chat", json={"message": wish(plan)})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def campaign_of(world: WebWorld, client: httpx.AsyncClient) -> str:
    reply = await plan_of(world, client)
    answer = await client.post("/api/execute_campaign", json={"plan_id": reply["plan_id"]})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["campaign"]["id"])


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


# -- who is here


async def test_the_first_message_signs_in_and_later_names_change_nothing(
    world: WebWorld, stranger: httpx.AsyncClient
) -> None:
    first = await stranger.post("/api/chat", json={"message": "Hello", "user_name": "  Maria   Keller "})
    assert first.json()["user"]["name"] == "Maria Keller"
    cookie = first.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    second = await stranger.post(
        "/api/chat", json={"message": "Again", "chat_id": first.json()["chat_id"], "user_name": "Somebody Else"}
    )
    assert second.json()["user"] == first.json()["user"]
    assert (await stranger.get("/api/session")).json()["user"]["name"] == "Maria Keller"


async def test_a_signed_in_browser_signs_out_before_it_changes_its_name(maria: httpx.AsyncClient) -> None:
    again = await maria.post("/api/session", json={"user_name": "Maria Keller"})
    other = await maria.post("/api/session", json={"user_name": "Ben"})
    assert again.status_code == 200
    assert error(other) == (409, "Conflict")
    assert (await maria.delete("/api/session")).status_code == 204
    assert error(await maria.get("/api/session")) == (401, "NotSignedIn")
    assert (await maria.post("/api/session", json={"user_name": "Ben"})).json()["user"]["name"] == "Ben"


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\u200bb", "a\nb\x00"])
async def test_unusable_names_are_refused(stranger: httpx.AsyncClient, name: str) -> None:
    answer = await stranger.post("/api/session", json={"user_name": name})
    assert answer.status_code in (400, 422)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/session"),
        ("POST", "/api/chat"),
        ("GET", f"/api/chat/{uuid4()}"),
        ("POST", "/api/execute_campaign"),
        ("GET", f"/api/plans/{uuid4()}/preflight"),
        ("POST", f"/api/plans/{uuid4()}/rehearsal"),
        ("GET", f"/api/rehearsals/{uuid4()}"),
        ("GET", f"/api/rehearsals/{uuid4()}/report.html"),
        ("GET", f"/api/rehearsals/{uuid4()}/calls/a-1.wav"),
        ("GET", "/api/campaigns"),
        ("GET", f"/api/campaigns/{uuid4()}"),
        ("POST", f"/api/campaigns/{uuid4()}/pause"),
        ("GET", f"/api/campaigns/{uuid4()}/report"),
        ("GET", f"/api/tasks/{uuid4()}"),
        ("GET", f"/api/calls/{uuid4()}"),
        ("GET", f"/api/calls/{uuid4()}/recording"),
        ("GET", "/api/feedback"),
        ("POST", f"/api/feedback/{uuid4()}"),
        ("GET", "/api/dnd"),
        ("GET", "/api/lifecycle"),
        ("GET", "/api/profile"),
        ("PATCH", "/api/profile"),
    ],
)
async def test_without_a_session_it_is_401(stranger: httpx.AsyncClient, method: str, path: str) -> None:
    body = {"message": "x"} if path.endswith("chat") else {"plan_id": str(uuid4())} if "execute" in path else None
    body = {"answer": "x"} if "/feedback/" in path else {} if method == "PATCH" else body
    assert error(await stranger.request(method, path, json=body)) == (401, "NotSignedIn")


async def test_a_session_of_a_forgotten_user_is_401_and_the_cookie_goes(
    world: WebWorld, stranger: httpx.AsyncClient
) -> None:
    stranger.cookies.set("opendeep_session", world.app.state.cookies.issue(uuid4()))
    answer = await stranger.get("/api/campaigns")
    assert error(answer) == (401, "NotSignedIn")
    assert "Max-Age=0" in answer.headers["set-cookie"]


# -- the chat


async def test_a_chat_round_shows_form_steps_and_history(world: WebWorld, maria: httpx.AsyncClient) -> None:
    world.model.say("When?", form=FORM)
    first = (await maria.post("/api/chat", json={"message": wish()})).json()
    assert first["form"]["fields"][0]["name"] == "window"
    assert first["plan_valid"] is False
    world.model.say("Here is the plan.", campaign_plan=PLAN)
    body = {"chat_id": first["chat_id"], "message": "", "form_answers": {"window": "any time", "often": True}}
    second = (await maria.post("/api/chat", json=body)).json()
    assert second["plan_valid"] is True
    assert [task["phone_number"] for task in second["plan"]["tasks"]] == [
        "+12025550101",
        "+12025550102",
        "+12025550104",
    ]
    history = (await maria.get(f"/api/chat/{first['chat_id']}")).json()["messages"]
    assert [message["role"] for message in history] == ["user", "assistant", "user", "assistant"]
    assert history[2]["form_answers"] == {"window": "any time", "often": "yes"}
    assert history[3]["plan_id"] == second["plan_id"]


async def test_a_provider_that_fails_is_an_apology_and_the_message_is_kept(
    world: WebWorld, maria: httpx.AsyncClient
) -> None:
    world.model.script.append(ProviderFault("The provider is away."))
    reply = await maria.post("/api/chat", json={"message": "Call Anna."})
    assert reply.status_code == 200
    assert "The provider is away." in reply.json()["message"]
    history = (await maria.get(f"/api/chat/{reply.json()['chat_id']}")).json()["messages"]
    assert history[0]["content"] == "Call Anna."


@pytest.mark.parametrize(
    ("content", "status", "code", "words"),
    [
        (b'{"message": ', 400, "MalformedJson", "not valid JSON"),
        (b"\xff\xfe\x00", 400, "MalformedJson", "not valid JSON"),
        (b"[1]", 422, "InvalidRequest", "valid dictionary"),
        (b'{"message": 5}', 422, "InvalidRequest", "message"),
        (b'{"message": "x", "surprise": 1}', 422, "InvalidRequest", "surprise"),
        (b'{"message": "x", "chat_id": "nope"}', 422, "InvalidRequest", "chat_id"),
        (b'{"message": "a\\u0000b"}', 422, "InvalidRequest", "control characters"),
        (b'{"message": "a\\ud800b"}', 422, "InvalidRequest", "message"),
        (b'{"message": "x", "form_answers": {"a": [1]}}', 422, "InvalidRequest", "form_answers"),
        (b'{"message": "' + b"x" * 8_001 + b'"}', 422, "InvalidRequest", "at most 8,000 characters"),
        (b'{"message": "' + b"x" * 1_000_000 + b'"}', 413, "TooLarge", "at most 256 kB"),
        (b'{"message": "   "}', 400, "UserMistake", "write a message"),
        (b"[" * 100_000, 400, "MalformedJson", "not valid JSON"),
        (b"{" * 100_000, 400, "MalformedJson", "not valid JSON"),
    ],
)
async def test_bad_messages_get_clear_answers(
    maria: httpx.AsyncClient, content: bytes, status: int, code: str, words: str
) -> None:
    answer = await maria.post("/api/chat", content=content, headers={"Content-Type": "application/json"})
    assert error(answer) == (status, code)
    assert words in answer.json()["error"]["message"]
    assert (await maria.get("/healthz")).status_code == 200


# -- plans and campaigns


async def test_the_same_plan_confirmed_twice_is_one_campaign(world: WebWorld, maria: httpx.AsyncClient) -> None:
    reply = await plan_of(world, maria)
    both = [await maria.post("/api/execute_campaign", json={"plan_id": reply["plan_id"]}) for _ in range(2)]
    assert both[0].json() == both[1].json()
    assert len((await maria.get("/api/campaigns")).json()["campaigns"]) == 1


async def test_an_empty_plan_is_not_valid_and_cannot_be_confirmed(world: WebWorld, maria: httpx.AsyncClient) -> None:
    reply = await plan_of(world, maria, {**PLAN, "tasks": []})
    assert reply["plan_valid"] is False
    assert "The plan has nobody to call." in reply["problems"]
    assert error(await maria.post("/api/execute_campaign", json={"plan_id": reply["plan_id"]})) == (422, "InvalidPlan")


async def test_a_plan_is_looked_through_before_it_is_confirmed(world: WebWorld, maria: httpx.AsyncClient) -> None:
    reply = await plan_of(world, maria)
    path = f"/api/plans/{reply['plan_id']}/preflight"
    found = (await maria.get(path)).json()
    assert found["contacts"] == len(reply["plan"]["tasks"])
    assert found["sentences"][0].endswith("can be called.")


async def test_an_unknown_number_is_named(world: WebWorld, maria: httpx.AsyncClient) -> None:
    plan = {**PLAN, "tasks": [{"contact_name": "Dan", "phone_number": "12"}]}
    reply = await plan_of(world, maria, plan)
    assert reply["plan_valid"] is False
    assert "Dan" in reply["problems"][0]


async def test_pause_resume_and_stop(world: WebWorld, maria: httpx.AsyncClient) -> None:
    campaign = await campaign_of(world, maria)
    status = {}
    for action in ("pause", "resume", "cancel"):
        answer = await maria.post(f"/api/campaigns/{campaign}/{action}")
        assert answer.status_code == 200, answer.text
        status[action] = answer.json()["campaign"]["status"]
    assert (status["pause"], status["resume"]) == ("PAUSED", "ACTIVE")
    tasks = (await maria.get(f"/api/campaigns/{campaign}")).json()["tasks"]
    assert {task["status"] for task in tasks} == {"CANCELLED"}
    assert error(await maria.post(f"/api/campaigns/{campaign}/explode")) == (422, "InvalidRequest")


async def test_another_tenants_rows_are_404(world: WebWorld, maria: httpx.AsyncClient, person: Person) -> None:
    reply = await plan_of(world, maria)
    campaign = (await maria.post("/api/execute_campaign", json={"plan_id": reply["plan_id"]})).json()["campaign"]["id"]
    task, call = await first_call(world, campaign)
    question = await ask(world, call, "May I?")
    eve = person()
    await eve.post("/api/session", json={"user_name": "Eve"})
    hidden = [
        await eve.post("/api/execute_campaign", json={"plan_id": reply["plan_id"]}),
        await eve.get(f"/api/plans/{reply['plan_id']}/preflight"),
        await eve.post("/api/chat", json={"message": "x", "chat_id": reply["chat_id"]}),
        await eve.post(f"/api/feedback/{question.id}", json={"answer": "yes"}),
        await eve.post(f"/api/campaigns/{campaign}/cancel"),
    ]
    paths = [
        f"chat/{reply['chat_id']}",
        f"campaigns/{campaign}",
        f"campaigns/{campaign}/report",
        f"tasks/{task}",
        f"calls/{call.id}",
        f"calls/{call.id}/recording",
    ]
    hidden += [await eve.get(f"/api/{path}") for path in paths]
    assert [error(answer) for answer in hidden] == [(404, "NotFound")] * len(hidden)
    assert (await eve.get("/api/feedback")).json() == {"feedback": []}
    assert (await maria.get(f"/api/campaigns/{campaign}")).json()["campaign"]["status"] == "ACTIVE"


async def first_call(world: WebWorld, campaign: str) -> tuple[Any, Any]:
    user_id = await world.user_id("Maria Keller")
    async with world.db.read() as work:
        task = (await work.tasks.of_campaign(user_id, UUID(campaign)))[0]
    return task.id, await dial(world, task)


async def test_a_call_its_recording_and_the_report(world: WebWorld, maria: httpx.AsyncClient) -> None:
    campaign = await campaign_of(world, maria)
    task, call = await first_call(world, campaign)
    missing = [f"/api/campaigns/{campaign}/report", f"/api/calls/{call.id}/recording"]
    assert [error(await maria.get(path)) for path in missing] == [(404, "NotFound")] * 2
    await speak(world, call, 1, Speaker.AI, "Does ten work?")
    await speak(world, call, 2, Speaker.CALLEE, "Ten is fine.")
    recording = bytes(range(256)) * 40
    (world.config.data_dir / "one.wav").write_bytes(recording)
    await finish(world, call, Disposition.ACHIEVED, "She agreed.", "one.wav")
    await report(world, call.user_id, UUID(campaign))

    detail = (await maria.get(f"/api/calls/{call.id}")).json()
    assert [turn["text"] for turn in detail["transcript"]] == ["Does ten work?", "Ten is fine."]
    assert detail["call"]["has_recording"] is True
    whole = await maria.get(f"/api/calls/{call.id}/recording")
    assert (whole.content, whole.headers["content-type"]) == (recording, "audio/wav")
    part = await maria.get(f"/api/calls/{call.id}/recording", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, recording[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(recording)}"
    beyond = await maria.get(f"/api/calls/{call.id}/recording", headers={"Range": "bytes=999999-"})
    assert beyond.status_code == 416
    assert (await maria.get(f"/api/tasks/{task}")).json()["task"]["disposition"] == "ACHIEVED"
    assert (await maria.get(f"/api/campaigns/{campaign}/report")).json()["headline"].startswith("Anna Meyer")


async def test_a_question_is_answered_once(world: WebWorld, maria: httpx.AsyncClient) -> None:
    campaign = await campaign_of(world, maria)
    _, call = await first_call(world, campaign)
    question = await ask(world, call, "May I?", ["yes", "no"])
    pending = (await maria.get("/api/feedback")).json()["feedback"]
    assert [(q["id"], q["options"]) for q in pending] == [(str(question.id), ["yes", "no"])]
    assert error(await maria.post(f"/api/feedback/{question.id}", json={"answer": "  "})) == (400, "UserMistake")
    answered = await maria.post(f"/api/feedback/{question.id}", json={"answer": "yes"})
    assert answered.json()["feedback"]["answer"] == "yes"
    assert error(await maria.post(f"/api/feedback/{question.id}", json={"answer": "no"})) == (409, "Conflict")
    assert (await maria.get("/api/feedback")).json()["feedback"] == []


async def test_a_question_that_was_missed_is_listed_and_answered_late(
    world: WebWorld, maria: httpx.AsyncClient
) -> None:
    campaign = await campaign_of(world, maria)
    _, call = await first_call(world, campaign)
    question = await ask(world, call, "May I?")
    async with world.db.transaction() as work:
        await work.feedback.withdraw_of_call(call.id)
    [missed] = (await maria.get("/api/feedback")).json()["feedback"]
    assert (missed["id"], missed["status"], missed["late"]) == (str(question.id), "CANCELLED", False)
    answered = (await maria.post(f"/api/feedback/{question.id}", json={"answer": "yes"})).json()["feedback"]
    assert (answered["status"], answered["answer"], answered["late"]) == ("ANSWERED", "yes", True)
    assert (await maria.get("/api/feedback")).json()["feedback"] == []


# -- the profile


async def test_the_profile_is_the_users_own_and_checked(
    world: WebWorld, maria: httpx.AsyncClient, person: Person
) -> None:
    empty = (await maria.get("/api/profile")).json()
    assert (empty["full_name"], empty["time_zone"], empty["may_say"]) == ("Maria Keller", "America/New_York", [])
    facts = {"may_say": ["My insurance is Harbour Mutual."], "preferences": ["Mornings only."]}
    changed = (await maria.patch("/api/profile", json=facts)).json()
    assert changed == empty | facts
    notice = {"recording_notice": "This call is recorded; you may refuse."}
    assert (await maria.patch("/api/profile", json=notice)).json() == empty | facts | notice
    wrong: list[dict[str, object]] = [
        {"time_zone": "Mars/Base"},
        {"may_say": ["x"] * 41},
        {"may_say": ["\u0000"]},
        {"preferences": "none"},
        {"full_name": ""},
        {"admin": True},
    ]
    for body in wrong:
        assert error(await maria.patch("/api/profile", json=body)) == (422, "InvalidRequest")
    assert (await maria.get("/api/profile")).json() == empty | facts | notice
    ann = person()
    await ann.post("/api/session", json={"user_name": "Ann"})
    assert (await ann.get("/api/profile")).json()["may_say"] == []


# -- the system


async def test_readiness_names_what_is_down(world: WebWorld, stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get("/readyz")).status_code == 200
    world.status.parts["asterisk"] = {"ok": False, "detail": "AMI is not connected"}
    answer = await stranger.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["asterisk"] == {"ok": False, "detail": "AMI is not connected"}
    assert (await stranger.get("/healthz")).json() == {"status": "alive"}
    status = (await stranger.get("/api/status")).json()
    assert status["modes"]["telephony"] == "simulated"
    assert status["ready"]["asterisk"]["ok"] is False


async def test_a_database_that_is_away_is_503_with_a_sentence(world: WebWorld, maria: httpx.AsyncClient) -> None:
    await world.db.close()
    for file in world.config.data_dir.glob("web.db*"):
        file.unlink()
    (world.config.data_dir / "web.db").mkdir()
    answer = await maria.get("/api/campaigns")
    assert error(answer) == (503, "DatabaseUnavailable")
    assert "try again" in answer.json()["error"]["message"]
    assert "unable to open" not in answer.text  # the driver's words stay in the log
    assert (await maria.get("/healthz")).status_code == 200


@pytest.mark.parametrize("path", ["/nowhere", "/api/nowhere", "/static/%2e%2e/app.py", "/static/../../etc/passwd"])
async def test_unknown_addresses_get_the_same_kind_of_error(stranger: httpx.AsyncClient, path: str) -> None:
    assert error(await stranger.get(path)) == (404, "NotFound")


async def test_a_wrong_method_is_405(stranger: httpx.AsyncClient) -> None:
    assert error(await stranger.get("/api/execute_campaign")) == (405, "MethodNotAllowed")


async def test_openapi_describes_every_route(world: WebWorld, stranger: httpx.AsyncClient) -> None:
    schema = (await stranger.get("/api/openapi.json")).json()
    assert set(schema["paths"]["/api/session"]) == {"post", "get", "delete"}
    for path in ("/api/chat", "/api/execute_campaign", "/api/feedback/{feedback_id}", "/api/calls/{call_id}/recording"):
        assert path in schema["paths"]
    answer = schema["paths"]["/api/campaigns/{campaign_id}"]["get"]["responses"]["200"]
    assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/CampaignDetailView")


async def test_the_answers_show_every_field_of_the_views(world: WebWorld, maria: httpx.AsyncClient) -> None:
    campaign_id = await campaign_of(world, maria)
    task_id, call = await first_call(world, campaign_id)
    await speak(world, call, 1, Speaker.AI, "Hello.")
    question = await ask(world, call, "May I?")
    async with world.db.read() as work:
        task = await work.tasks.get(call.user_id, task_id)
        campaign = await work.campaigns.get(call.user_id, task.campaign_id)
        turn = (await work.transcripts.of_call(call.user_id, call.id))[0]
        event = (await work.events.of_task(call.user_id, task_id))[0]
    pairs: list[tuple[type[BaseModel], dict[str, Any]]] = [
        (m.TaskView, views.task_view(task)),
        (m.CampaignView, views.campaign_view(campaign)),
        (m.CallView, views.call_view(call)),
        (m.TurnView, views.turn_view(turn)),
        (m.EventView, views.event_view(event)),
        (m.FeedbackView, views.feedback_view(question)),
    ]
    for model, view in pairs:
        assert set(model.model_fields) == set(view), model.__name__
        model.model_validate(view)


async def test_the_session_key_outlives_the_process(world: WebWorld, maria: httpx.AsyncClient) -> None:
    restarted = create_app(world.services, world.config)
    transport = httpx.ASGITransport(app=restarted)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", cookies=maria.cookies) as client:
        assert (await client.get("/api/session")).json()["user"]["name"] == "Maria Keller"
