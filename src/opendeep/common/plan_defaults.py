"""What a user's profile gives to plans that say nothing of their own: disclosure, calling window, budget. Pure.

A plan that differs from the product's own default keeps what it says; the disclosure is checked like any other.
"""

from typing import Any

from opendeep.common.caller_profile import CallerProfile
from opendeep.common.campaign_plan import CallingWindow, CampaignPlan


def with_defaults(plan: CampaignPlan, profile: CallerProfile) -> CampaignPlan:
    changes: dict[str, Any] = {}
    if not plan.disclosure and profile.plan_disclosure:
        changes["disclosure"] = profile.plan_disclosure
    if profile.plan_window is not None and plan.calling_window == CallingWindow():
        changes["calling_window"] = profile.plan_window
    if plan.max_spend is None and profile.plan_max_spend is not None:
        changes["max_spend"] = profile.plan_max_spend
    return plan.model_copy(update=changes)
