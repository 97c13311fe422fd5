"""`/api/*`: each route is one service call. No rules, no rows; errors become answers in `error_answers`."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from opendeep.common.caller_profile import CallerProfile
from opendeep.common.campaign_plan import MAX_TASKS
from opendeep.common.data_models import User
from opendeep.common.errors import Conflict
from opendeep.common.views import campaign_view, feedback_view
from opendeep.task_manager.plan_editor_svc import PlanChange
from opendeep.task_manager.plan_scripts import ScriptEdits
from opendeep.task_manager.ui_assistant_svc import ChatReply
from opendeep.web_interface import api_models as m
from opendeep.web_interface.api_models_lines import LinesView
from opendeep.web_interface.dependencies import MaybeUser, SignedIn, TheCookies, TheServices
from opendeep.web_interface.profile_models import ProfileChanges
from opendeep.web_interface.sessions import SessionCookies, clear_cookie, set_cookie

ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": m.ErrorView, "description": "What was wrong and what to do"},
    "5XX": {"model": m.ErrorView, "description": "A fault on our side or a provider's"},
}
router = APIRouter(prefix="/api", responses=ERRORS)


def user_view(user: User) -> m.UserView:
    zone = user.profile.get("time_zone")
    return m.UserView(id=user.id, name=user.name, time_zone=str(zone) if zone else None)


def sign_in(request: Request, response: Response, cookies: SessionCookies, user: User) -> None:
    set_cookie(response, cookies.issue(user.id), secure=request.url.scheme == "https")


# -- who is here


@router.post("/session")
async def open_session(
    body: m.SessionRequest,
    request: Request,
    response: Response,
    services: TheServices,
    cookies: TheCookies,
    current: MaybeUser,
) -> m.SessionView:
    """Sign in by name; the cookie is the session. A signed-in browser must sign out before it changes its name."""
    user = await services.campaigns.sign_in(body.user_name)
    if current is not None and current.id != user.id:
        raise Conflict(f"You are signed in as {current.name}. Sign out to use another name.")
    sign_in(request, response, cookies, user)
    return m.SessionView(user=user_view(user))


@router.get("/session")
async def session(user: SignedIn) -> m.SessionView:
    return m.SessionView(user=user_view(user))


@router.delete("/session", status_code=204)
async def close_session(response: Response) -> None:
    """Sign out: forget the cookie."""
    clear_cookie(response)


@router.get("/profile")
async def profile(user: SignedIn) -> CallerProfile:
    """What the assistant and the calls know of you."""
    return CallerProfile.read(user.profile)


@router.patch("/profile")
async def change_profile(body: ProfileChanges, user: SignedIn, services: TheServices) -> CallerProfile:
    """Set the fields that are given; the next call has them."""
    changed = await services.campaigns.change_profile(user.id, body.model_dump(mode="json", exclude_unset=True))
    return CallerProfile.read(changed.profile)


# -- the chat


def reply_view(reply: ChatReply, user: User) -> m.ChatReplyView:
    """One round as the page reads it."""
    return m.ChatReplyView(
        chat_id=reply.chat_id,
        message=reply.message,
        form=reply.form,  # type: ignore[arg-type]  # a dict of the same model
        plan=reply.plan,  # type: ignore[arg-type]
        plan_id=reply.plan_id,
        plan_valid=reply.plan_valid,
        problems=reply.problems,
        tool_steps=reply.tool_steps,  # type: ignore[arg-type]
        stopped=reply.stopped,
        contacts=reply.contacts,
        user=user_view(user),
    )


@router.get("/chat/{chat_id}")
async def chat_history(chat_id: UUID, user: SignedIn, services: TheServices) -> m.ChatHistoryView:
    messages: Any = await services.assistant.history(user.id, chat_id)
    return m.ChatHistoryView(chat_id=chat_id, messages=messages)


@router.patch("/plans/{plan_id}")
async def change_plan(plan_id: UUID, body: m.PlanChanges, user: SignedIn, services: TheServices) -> m.ChatReplyView:
    """Change what is given of a proposed plan; answers with the next version, which replaces it in its chat."""
    edits = None
    if body.script is not None or body.question_types is not None:
        edits = ScriptEdits(body.script or {}, body.question_types or {})
    return reply_view(await services.plans.change(user.id, plan_id, PlanChange(body.engine, edits)), user)


@router.get("/plans/{plan_id}/preflight")
async def plan_preflight(plan_id: UUID, user: SignedIn, services: TheServices) -> m.PreflightView:
    """What will happen to the plan's contacts if it is confirmed now. A large plan takes seconds."""
    return m.PreflightView.model_validate(await services.preflight.preflight(user.id, plan_id))


# -- campaigns, tasks, calls


@router.post("/execute_campaign")
async def execute_campaign(body: m.ExecuteRequest, user: SignedIn, services: TheServices) -> m.CampaignAnswer:
    """Schedule a valid plan; the same plan confirmed twice is one campaign."""
    campaign = await services.orchestrator.execute_campaign(user.id, body.plan_id)
    return m.CampaignAnswer(campaign=campaign_view(campaign))  # type: ignore[arg-type]


@router.get("/campaigns")
async def campaigns(user: SignedIn, services: TheServices) -> m.CampaignsView:
    views: Any = await services.campaigns.campaigns(user.id)
    return m.CampaignsView(campaigns=views)


@router.get("/campaigns/{campaign_id}")
async def campaign_detail(
    campaign_id: UUID,
    user: SignedIn,
    services: TheServices,
    offset: Annotated[int, Query(ge=0, le=MAX_TASKS)] = 0,
) -> m.CampaignDetailView:
    return m.CampaignDetailView.model_validate(await services.campaigns.detail(user.id, campaign_id, offset))


@router.post("/campaigns/{campaign_id}/{action}")
async def control_campaign(
    campaign_id: UUID, action: Literal["pause", "resume", "cancel"], user: SignedIn, services: TheServices
) -> m.CampaignAnswer:
    """No new calls; calls again; stop all that is not in a call."""
    controls = {
        "pause": services.campaigns.pause,
        "resume": services.campaigns.resume,
        "cancel": services.campaigns.cancel,
    }
    view: Any = await controls[action](user.id, campaign_id)
    return m.CampaignAnswer(campaign=view)


@router.get("/tasks/{task_id}")
async def task_detail(task_id: UUID, user: SignedIn, services: TheServices) -> m.TaskDetailView:
    return m.TaskDetailView.model_validate(await services.campaigns.task(user.id, task_id))


@router.get("/calls/{call_id}")
async def call_detail(call_id: UUID, user: SignedIn, services: TheServices) -> m.CallDetailView:
    return m.CallDetailView.model_validate(await services.campaigns.call(user.id, call_id))


@router.get("/calls/{call_id}/recording", response_class=FileResponse)
async def call_recording(call_id: UUID, user: SignedIn, services: TheServices) -> FileResponse:
    """The stereo recording (left: callee, right: AI) as WAV; answers range requests."""
    path = await services.campaigns.recording_path(user.id, call_id)
    headers = {"Cache-Control": "private, max-age=3600"}
    return FileResponse(
        path, media_type="audio/wav", filename=f"{call_id}.wav", content_disposition_type="inline", headers=headers
    )


# -- the human in the loop


@router.get("/feedback")
async def pending_feedback(user: SignedIn, services: TheServices) -> m.FeedbackListView:
    views: Any = await services.campaigns.pending_feedback(user.id)
    return m.FeedbackListView(feedback=views)


@router.post("/feedback/{feedback_id}")
async def answer_feedback(
    feedback_id: UUID, body: m.FeedbackAnswer, user: SignedIn, services: TheServices
) -> m.FeedbackAnswered:
    """Answer a question; 409 when it was answered. One of a call is taken after its time too, `late`, and kept."""
    feedback = await services.feedback.answer(user.id, feedback_id, body.answer)
    return m.FeedbackAnswered(feedback=feedback_view(feedback))  # type: ignore[arg-type]


# -- lists and the system


@router.get("/lines")
async def lines(user: SignedIn, services: TheServices) -> LinesView:
    """The lines: this node's, your own use of them, and the trunks that you may use: caps, pace, faults, caller IDs."""
    return LinesView.model_validate(await services.lines.view(user))


@router.get("/status")
async def status(services: TheServices) -> m.StatusView:
    """Which parts are simulated, the lines, the health of each part. Needs no session: the banner shows it first."""
    ready: Any = await services.status.ready()
    phone = {"phone": services.phones.extension if services.phones else None}
    return m.StatusView(modes={**services.status.modes(), **phone}, lines=dict(services.status.lines()), ready=ready)
