"""What the end of a run says of cells that failed under nbval."""

import importlib.metadata

import nbformat
import pytest

from slotscope.report.failed_notebook_cells import close, first_difference, other_releases

pytest_plugins = ["pytester"]

PYTEST = importlib.metadata.version("pytest")


@pytest.mark.parametrize(
    ("stored", "received", "same_but_for_rounding"),
    [
        ("loss 0.34650", "loss 0.34651", True),
        ("apart 1.161e-07", "apart 1.9e-07", True),
        ("apart 0.0", "apart 2.3e-08", True),
        ("a  0.5\nb  0.25", "a 0.5000001\nb 0.25", True),
        ("[1.5, nan]", "[1.5, nan]", True),
        ("[1.5, nan]", "[1.5, 2.0]", False),
        ("steps 12", "steps 13", False),
        ("holds, 0.5", "violated, 0.5", False),
        ("velocity 1.5", "velocity 1.75", False),
        ("1.5", "1.5 2.5", False),
    ],
)
def test_rounding_is_told_from_other_results(stored, received, same_but_for_rounding):
    assert close(stored, received) == same_but_for_rounding


def test_the_first_line_that_differs_is_shown():
    assert first_difference("a\nb 1\nc", "a\nb 2\nd") == ("b 1", "b 2")
    assert first_difference("a", "a\nmore") == ("", "more")


def test_a_long_line_is_cut_around_the_place():
    stored, received = first_difference(200 * "x" + "1" + 200 * "y", 200 * "x" + "2" + 200 * "y")
    assert (stored[24], received[24]) == ("1", "2")
    assert len(stored) == len(received) == 72


def test_releases_other_than_the_pinned_ones_are_named(tmp_path):
    constraints = tmp_path / "constraints.txt"
    constraints.write_text(f"# pins\npytest=={PYTEST}\nnumpy==0.1  # old\nno-such-package==1\n")
    version = importlib.metadata.version("numpy")
    assert list(other_releases(constraints)) == [f"numpy {version} (==0.1)"]
    assert list(other_releases(tmp_path / "none.txt")) == []


def cell(source, output):
    outputs = [nbformat.v4.new_output("stream", name="stdout", text=output)] if output else []
    return nbformat.v4.new_code_cell(source, execution_count=1, outputs=outputs)


@pytest.fixture
def summary(pytester):
    """What the end of a run of these cells says, under nbval."""

    def run(*cells, options=()):
        notebook = nbformat.v4.new_notebook(cells=cells)
        nbformat.write(notebook, pytester.path / "story.ipynb")
        plugins = ("-p", "slotscope.pytest_plugin", "--nbval", "--nbval-current-env")
        lines = pytester.runpytest_subprocess(*plugins, *options, "story.ipynb").outlines
        starts = [n for n, line in enumerate(lines) if "cells that failed" in line]
        return lines[starts[0] + 1 :] if starts else []

    return run


@pytest.mark.kernels
def test_a_run_in_which_all_is_well_says_nothing(summary):
    assert summary(cell("print(1)", "1\n")) == []


@pytest.mark.kernels
@pytest.mark.parametrize("options", [(), ("-n2", "--dist=loadfile")], ids=["alone", "xdist"])
def test_a_cell_says_which_output_differs_in_what_and_what_it_may_mean(summary, options):
    first, stored, received, _, *meaning = summary(
        cell("import sys", ""), cell("print('loss', 0.34651)", "loss 0.34650\n"), options=options
    )
    assert first == "story.ipynb, In [2] (nbval's Cell 1), stdout:"
    assert stored == "    stored    loss 0.34650"
    assert received == "    came out  loss 0.34651"
    assert meaning[0] == "What this may mean:"
    assert meaning[1].startswith("- Only digits after the point differ")


@pytest.mark.kernels
def test_words_that_differ_are_not_taken_for_rounding(summary):
    found = summary(cell("print('violated')", "holds\n"))
    assert (
        "- Words or counts differ: the code, or a release, does something else than before."
        in found
    )


@pytest.mark.kernels
def test_a_cell_that_raises_is_named_with_its_error(summary):
    first, *rest = summary(cell("assert 1 == 2, 'one is not two'", ""))
    assert first == "story.ipynb, In [1] (nbval's Cell 0): AssertionError: one is not two"
    assert any(line.startswith("- A cell raised") for line in rest)


@pytest.mark.kernels
def test_an_output_that_is_missing_is_a_difference(summary):
    first, stored, received, *_ = summary(cell("pass", "done\n"))
    assert first == "story.ipynb, In [1] (nbval's Cell 0), stdout:"
    assert (stored, received.rstrip()) == ("    stored    done", "    came out")
