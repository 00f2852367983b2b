"""``slotscope parameters``: what a notebook can be given, before anything runs."""

from commands import command
from sweep_cases import LOGGED


def test_parameters_are_listed():
    result = command("parameters", LOGGED)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].split() == ["parameter", "type", "default", "help"]
    assert " ".join(lines[1].split()) == "x int, >= 0, <= 10000 1 what is squared"
