"""The installation's settings on the page: with their names, and without secrets."""

from opendeep.config.app_config import AppConfig
from opendeep.config.settings_view import settings_view


def shown(**settings: object) -> dict[str, str]:
    config = AppConfig(_env_file=None, **settings)  # type: ignore[call-arg, arg-type]
    return {entry["env"]: entry["value"] for group in settings_view(config) for entry in group["entries"]}


def test_of_a_secret_the_last_characters_are_shown_and_of_a_short_one_nothing() -> None:
    found = shown(openai_api_key="sk-0123456789abcd", google_api_key="short")
    assert found["OPENAI_API_KEY"] == "set, ends with abcd"
    assert found["GOOGLE_API_KEY"] == "set"
    assert "0123456789" not in str(found)


def test_addresses_lose_what_stands_before_and_behind_their_host() -> None:
    found = shown(
        database_url="postgresql+asyncpg://user:secret@db.example/opendeep", redis_url="redis://:hidden@cache/0"
    )
    assert found["DATABASE_URL"] == "postgresql+asyncpg://db.example"
    assert "hidden" not in str(found)
    assert "secret@" not in str(found)


def test_what_is_not_set_says_what_holds_instead() -> None:
    assert shown()["OPENAI_API_KEY"] == "not set: the offline voice and minds"
    assert shown()["RECORD_CALLS"] == "yes"
