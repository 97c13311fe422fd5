"""What the providers' SDKs raise, as our errors. The message tells a person what to do next and never carries a key."""

import openai

from opendeep.common.errors import ProviderFault, ProviderRefused

NO_QUOTA = "insufficient_quota"


def openai_error(error: Exception) -> ProviderFault:
    """`ProviderRefused` where asking again cannot help, else `ProviderFault`."""
    if isinstance(error, openai.APITimeoutError | TimeoutError):
        return ProviderFault("The language model did not answer in time.")
    if isinstance(error, openai.APIConnectionError):
        return ProviderFault("The language model cannot be reached.")
    if not isinstance(error, openai.APIStatusError):
        return ProviderFault(f"The language model's answer could not be read ({type(error).__name__}).")
    if error.code == NO_QUOTA:
        return ProviderRefused("The language model's account has no quota left; check its plan and billing.")
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return ProviderRefused("The language model refused our key; check OPENAI_API_KEY.")
    if isinstance(error, openai.NotFoundError):
        return ProviderRefused("The language model is not known there; check OPENAI_TEXT_MODEL and OPENAI_BASE_URL.")
    if error.status_code == 429:
        return ProviderFault("The language model is asked too often at the moment.")
    if error.status_code in (408, 409) or error.status_code >= 500:
        return ProviderFault(f"The language model failed (HTTP {error.status_code}).")
    return ProviderRefused(f"The language model does not accept the request (HTTP {error.status_code}).")


def google_error(service: str, status: int, reason: str | None) -> ProviderFault:
    """The same for Google's services; `reason` is the machine-readable one, e.g. RESOURCE_EXHAUSTED."""
    told = f"HTTP {status}" + (f", {reason}" if reason else "")
    if status in (401, 403) or reason == "API_KEY_INVALID":
        return ProviderRefused(f"{service} refused our key ({told}); check GOOGLE_API_KEY.")
    if status in (408, 429) or status >= 500:
        return ProviderFault(f"{service} cannot answer at the moment ({told}).")
    return ProviderRefused(f"{service} does not accept the request ({told}).")
