"""No value, whatever it is, becomes more than a value in the rendered configuration."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[3]
TRUNK = {"TRUNK_HOST": "sip.provider.example", "TRUNK_USERNAME": "user", "TRUNK_PASSWORD": "Tr0mbone&co"}
NASTY = st.text(st.sampled_from("\r\n;[]=>#@!\\,.:/- \t\0\x0b\x0c\x1c\x85\u2028\u2029abcA0"), max_size=30)
TEXTS = NASTY | st.text(max_size=30)


@pytest.fixture(scope="module", autouse=True)
def scripts_on_path() -> None:
    if (folder := str(ROOT / "scripts")) not in sys.path:
        sys.path.append(folder)


def renderer() -> ModuleType:
    import render_asterisk_conf

    return render_asterisk_conf


def shape(text: str) -> list[str]:
    """The lines without what they are set to, and comments without their words."""
    lines = (";" if line.startswith(";") else line for line in text.split("\n"))
    return [line if line.startswith("[") else line.partition("=")[0] for line in lines]


def rendered(settings: dict[str, str]) -> dict[str, str]:
    module = renderer()
    values = module.complete(settings)
    every = values | module.derived(values)
    files = {path.name: module.render(path.read_text(), every) for path in module.TEMPLATES.glob("*.conf")}
    return files | {"trunks": module.render_trunks(every)}


def names() -> list[str]:
    module = renderer()
    return [*module.complete({})]


# These decide which lines there are; every other value only stands in its line.
DECIDING = ("AMI_USERNAME", "TRUNKS", "TRUNK_HOST", "TRUNK_USERNAME", "TRUNK_REGISTER", "TRUNK_TRANSPORT", "LOCAL_NET")


@given(st.data(), TEXTS)
def test_no_value_breaks_out_of_its_line(data: st.DataObject, text: str) -> None:
    name = data.draw(st.sampled_from([name for name in names() if name not in DECIDING]))
    try:
        files = rendered(TRUNK | {name: text})
    except renderer().RenderError:
        return
    usual = rendered(TRUNK)
    for file, content in files.items():
        assert shape(content) == shape(usual[file]), file
        assert len(content.splitlines()) == content.count("\n"), file  # no other line end either
        assert all(line.partition(";")[2] == "" for line in content.split("\n") if text and line.endswith(f"= {text}"))


@pytest.mark.parametrize("name", DECIDING)
@given(text=TEXTS)
def test_no_deciding_value_carries_a_line_break(name: str, text: str) -> None:
    try:
        files = rendered(TRUNK | {name: text + "\r\n[general]\r\nenabled = yes"})
    except renderer().RenderError:
        return
    pytest.fail(f"{name} was accepted: {files}")


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=";"), min_size=12, max_size=60))
def test_a_secret_arrives_as_it_was_given_and_changes_nothing_else(secret: str) -> None:
    module = renderer()
    try:
        files = rendered({"AMI_SECRET": secret, "PHONE_SECRET": "x" + secret})
    except module.RenderError as error:
        assume("too weak" not in str(error))
        raise
    usual = rendered({"AMI_SECRET": "an-usual-secret", "PHONE_SECRET": "an-usual-secret"})
    assert f"\nsecret = {secret}\n" in files["manager.conf"]
    for name, content in files.items():
        assert shape(content) == shape(usual[name])
