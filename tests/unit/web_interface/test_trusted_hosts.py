"""DNS rebinding: only addresses, localhost and configured names are answered."""

import httpx
import pytest
from starlette.responses import PlainTextResponse

from opendeep.web_interface.trusted_hosts import TrustedHosts


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost:8080", 200),
        ("[::1]:8080", 200),
        ("192.168.1.7", 200),
        ("phones.example.com", 200),
        ("PHONES.example.com:443", 200),
        ("evil.example", 421),
        ("evil.phones.example.com", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
        ("[::1", 421),
    ],
)
async def test_hosts(host: str, status: int) -> None:
    app = TrustedHosts(PlainTextResponse("ok"), ["Phones.example.com"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as http:
        answer = await http.get("/", headers={"Host": host})
    assert answer.status_code == status
    if status == 421:
        assert "WEB_ALLOWED_HOSTS" in answer.text
