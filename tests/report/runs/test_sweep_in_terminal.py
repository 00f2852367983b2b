"""What a person sees of a sweep: what went wrong on one line, and what time is left."""

import io
import os

import pytest
from rich.console import Console
from sweep_cases import error, record

from slotscope.report.runs.sweep_in_terminal import LastingConsole, Lines, problem
from slotscope.sweep.executed.execution import failing_line


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "code cell 2: ValueError: no"),
        ({"message": ""}, "code cell 2: ValueError"),
        ({"kind": "worker died", "cell": None, "name": ""}, "worker died: no"),
    ],
)
def test_a_problem_has_no_part_that_says_nothing(changes, said):
    assert problem(error(**{"cell": 2} | changes)) == said


def test_the_line_that_failed_is_the_innermost_that_the_trace_points_at():
    trace = [
        "\x1b[31m---------\x1b[39m",
        "\x1b[32mCell \x1b[39m\x1b[32mIn[2]\x1b[39m, line 1\x1b[36m\x1b[49m\n"
        "\x1b[32m----> \x1b[39m\x1b[32m1\x1b[39m \x1b[43mf\x1b[49m(\x1b[32m0\x1b[39m)\n      2 g()",
        "    10 def f(x):\n\x1b[32m---> 11\x1b[39m     \x1b[38;5;28;01massert\x1b[39;00m x",
        "\x1b[31mAssertionError\x1b[39m: ",
    ]
    assert failing_line(trace) == "assert x"
    assert failing_line(["AssertionError: "]) == ""


def run(seconds):
    return record({}, seconds=seconds)


def test_what_is_left_is_told_by_what_most_runs_took_and_what_runs_now():
    lines = Lines(10, Console(file=io.StringIO()))
    assert lines.left == ""
    lines.running(2)
    for seconds in (40, 41, 4, 4):  # the first two waited for a server
        lines.finished(run(seconds))
        lines.running(2)
    lines.finished(run(4))  # one runs, and four wait for two places
    assert lines.left == "9 s left"
    lines.running(2)
    for _ in range(4):
        lines.finished(run(4))
    lines.running(1)
    assert lines.left == "2 s left"


def test_a_reader_who_goes_ends_what_is_printed_and_nothing_else():
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as file:
        console = LastingConsole(file=file)
        console.print("first")
        console.print("second")
        assert console.quiet
