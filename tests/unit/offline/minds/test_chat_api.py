"""The offline Chat Completions: protocol and honest refusals."""

from typing import Any

import httpx
import pytest

from tests.support.minds import offline_minds

SCHEMA = {"type": "json_schema", "json_schema": {"name": "assistant_turn", "schema": {}}}
HELLO = [{"role": "user", "content": "hello"}]


async def post(body: Any, path: str = "/chat/completions") -> httpx.Response:
    async with offline_minds() as url, httpx.AsyncClient() as http:
        if isinstance(body, bytes):
            return await http.post(url + path, content=body)
        return await http.post(url + path, json=body)


async def test_an_answer_has_the_vendors_shape() -> None:
    answer = (await post({"model": "m", "messages": HELLO, "response_format": SCHEMA})).json()
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": HELLO, "response_format": SCHEMA}, "model"),
        ({"model": "m", "messages": [], "response_format": SCHEMA}, "messages"),
        ({"model": "m", "messages": "hello", "response_format": SCHEMA}, "messages"),
        ({"model": "m", "messages": HELLO, "stream": "yes"}, "stream"),
        ({"model": "m", "messages": HELLO, "stream_options": {"include_usage": True}}, "stream_options"),
        ({"model": "m", "messages": HELLO, "response_format": {"type": "json_object"}}, "response_format"),
        ({"model": "m", "messages": HELLO, "best_of": 3}, "best_of"),
        ({"model": "m", "messages": HELLO, "n": 2}, "n"),
        ({"model": "m", "messages": HELLO, "logprobs": True}, "logprobs"),
        ({"model": "m", "messages": [{"role": "boss"}]}, "messages[0].role"),
        ({"model": "m", "messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"model": "m", "messages": [{"role": "tool", "tool_call_id": "x", "content": ""}]},
         "messages[0].tool_call_id"),
        ({"model": "m", "messages": HELLO, "tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"model": "m", "messages": HELLO, "tools": [], "tool_choice": "maybe"}, "tool_choice"),
        ({"model": "m", "messages": HELLO, "response_format": {"type": "json_schema", "json_schema": {"name": "poem"}}},
         "response_format"),
        ([1], None),
        (b"{nonsense", None),
    ],
)  # fmt: skip
async def test_what_cannot_be_answered_is_refused_with_400(body: Any, param: str | None) -> None:
    response = await post(body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert error["message"]


async def test_a_request_that_is_too_large_is_refused() -> None:
    assert (await post(b"x" * (4 * 1024 * 1024 + 1))).status_code == 413


@pytest.mark.parametrize("name", ["call_analysis", "campaign_report"])
async def test_every_mind_answers_even_without_a_record(name: str) -> None:
    form = {"type": "json_schema", "json_schema": {"name": name, "schema": {}}}
    assert (await post({"model": "m", "messages": HELLO, "response_format": form})).status_code == 200


@pytest.mark.parametrize(("body", "headers"), [({"textQuery": ""}, {}), ({"textQuery": "x"}, {}), (b"{", {})])
async def test_places_refuses_as_google_does(body: Any, headers: dict[str, str]) -> None:
    response = await post(body, "/places:searchText")
    assert response.status_code == 400
    assert response.json()["error"]["status"] == "INVALID_ARGUMENT"
