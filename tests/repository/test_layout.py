"""The layout: its page, its picture and lint's contract name the same rooms, and real files."""

import re
import tomllib

import pytest
from repository_root import ROOT

PACKAGE = ROOT / "src" / "slotscope"
TOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
PAGES = ("docs/layout.md", "CONTRIBUTING.md")


def test_the_picture_has_the_layers_of_the_contract_in_their_order():
    drawn = re.findall(r'class="room">([^<]+)<', (ROOT / "docs/_static/rooms.svg").read_text())
    layers = [set(layer.split(" | ")) for layer in TOOLS["importlinter"]["contracts"][0]["layers"]]
    assert [{"__main__"}, *(set(room.split(" · ")) for room in drawn)] == layers


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_folder_that_the_page_names_is_there(page):
    text = (ROOT / page).read_text()
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", text)
    assert len(named) > 5
    places = (ROOT, PACKAGE, PACKAGE / "rules")
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


def test_every_room_of_tests_is_one_of_the_package():
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    others = {"helpers", "repository", "tools", "notebooks", "browser"}
    tested = {path.relative_to(ROOT / "tests").parts[0] for path in ROOT.glob("tests/*/**/*.py")}
    assert tested - others <= rooms


def test_contributors_read_what_ci_runs_in_its_order():
    run = re.findall(r"nox -s (\w+)", (ROOT / ".ci" / "run").read_text())
    told = (ROOT / "CONTRIBUTING.md").read_text().partition("## What CI runs")[2]
    assert re.findall(r"`(lint|quick|tests)`", told) == run[:3]
    assert run[3] in told.partition("then")[2]
