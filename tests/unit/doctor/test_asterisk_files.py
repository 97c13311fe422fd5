"""Findings point at the right line of the rendered configuration."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.doctor.asterisk_files import AsteriskFiles, config_lines

TEXT = """\
; read = nothing
[general]
enabled = yes

[user](template)
secret = a\\;b ; the secret
read = call
[user](+type=endpoint)
exten => 600,1,Answer()
"""


@pytest.fixture
def files(tmp_path: Path) -> AsteriskFiles:
    (tmp_path / "manager.conf").write_text(TEXT)
    (tmp_path / "modules.conf").write_text("[modules]\nload = a.so\nload = b.so\n")
    return AsteriskFiles(tmp_path)


def test_a_setting_is_found_in_its_section(files: AsteriskFiles) -> None:
    assert files.value("manager.conf", "user", "read") == "call"
    assert files.value("manager.conf", "user", "secret") == "a\\;b"
    assert files.value("manager.conf", "general", "read") is None
    assert files.where("manager.conf", "user", "read") == f"{files.folder}/manager.conf:7"
    assert files.where("manager.conf", "user", "exten") == f"{files.folder}/manager.conf:9"


def test_one_of_several_lines_is_chosen_by_its_value(files: AsteriskFiles) -> None:
    assert files.where("modules.conf", "modules", "load", "b.so").endswith("modules.conf:3")
    assert files.where("modules.conf", "modules", "load", "c.so").endswith("modules.conf:1")


def test_what_is_not_there_points_at_the_nearest_place(files: AsteriskFiles) -> None:
    assert files.where("manager.conf", "user", "write").endswith("manager.conf:5")
    assert files.where("manager.conf", "nobody", "write").endswith("manager.conf (there is no [nobody] yet)")
    assert files.where("gone.conf|modules.conf", "modules").endswith("modules.conf:1")


def test_without_a_folder_the_place_is_said_in_words() -> None:
    nowhere = AsteriskFiles(None)
    assert nowhere.where("manager.conf|other.conf", "user", "read") == "manager.conf, [user] read"
    assert nowhere.value("manager.conf", "user", "read") is None
    assert nowhere.unreadable() is None


def test_a_folder_without_the_file_says_so(tmp_path: Path) -> None:
    assert "manager.conf cannot be read" in str(AsteriskFiles(tmp_path).unreadable())


@given(st.text(max_size=200))
def test_no_text_confuses_the_reader(text: str) -> None:
    numbers = [line.number for line in config_lines(text)]
    assert numbers == sorted(set(numbers))
    assert all(number <= text.count("\n") + 1 for number in numbers)
