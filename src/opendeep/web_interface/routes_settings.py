"""What the settings page reads beside the profile itself: older profiles, and the installation's settings."""

from typing import Any

from fastapi import APIRouter

from opendeep.common.caller_profile import CallerProfile
from opendeep.web_interface import profile_models as m
from opendeep.web_interface.dependencies import SignedIn, TheServices
from opendeep.web_interface.routes_api import ERRORS

router = APIRouter(prefix="/api", responses=ERRORS)


@router.get("/profile/versions")
async def profile_versions(user: SignedIn, services: TheServices) -> m.ProfileVersionsView:
    """Your profile as it was; every change makes a version. A call's timeline names the version that it was told."""
    found: Any = await services.campaigns.profile_versions(user.id)
    versions = [{**one, "profile": CallerProfile.read(one["profile"])} for one in found]
    return m.ProfileVersionsView.model_validate({"versions": versions})


@router.delete("/profile/versions")
async def forget_profile_versions(user: SignedIn, services: TheServices) -> m.ForgottenView:
    """Delete all versions but the one in use."""
    return m.ForgottenView(forgotten=await services.campaigns.forget_profile_versions(user.id))


@router.get("/settings")
async def settings(user: SignedIn, services: TheServices) -> m.SettingsView:
    """The installation's settings, read-only; of keys only whether they are set, and their last characters."""
    return m.SettingsView.model_validate({"groups": [dict(group) for group in services.installation]})
