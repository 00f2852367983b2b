"""One set of records, shown in a terminal, a notebook, a page, JSON and JUnit's XML."""

import dataclasses
import io
import json
import re

import junitparser
import pytest
from repository_root import ROOT
from rich.console import Console

from slotscope.checks.plan import Plan
from slotscope.checks.verdict import Outcome, Planned, Verdict
from slotscope.errors import BadCheckArgumentError
from slotscope.report.checks.checks_report import Report
from slotscope.report.checks.formats import FORMATS
from slotscope.report.checks.page import fragment, page
from slotscope.report.checks.printed import headline, smallest
from slotscope.report.checks.terminal import Terminal, display


def outcome(check, case="", verdict=Verdict.HOLDS, theme="values", **more):
    return Outcome(check, case, theme, f"The sentence of {check}.", verdict, seconds=1.5, **more)


OUTCOMES = [
    outcome("check_built", theme="construction"),
    outcome("check_a", "one", Verdict.VIOLATED, reason="p0 is 1 <b>", example="print(1)\nprint(2)"),
    outcome("check_a", "two", Verdict.VIOLATED, reason="p1 is 2", example="print(3)"),
    outcome("check_b", verdict=Verdict.VIOLATED, reason="KeyError: x", crash="Traceback\n  here"),
    outcome("check_c", verdict=Verdict.KNOWN, reason="rounding", page="findings/x.md"),
    outcome("check_d", verdict=Verdict.NOT_APPLICABLE, reason="no schedules"),
    outcome("check_e", verdict=Verdict.NOT_APPLICABLE, reason="no schedules"),
    outcome("check_f", verdict=Verdict.NOT_REPRODUCIBLE, reason="two runs differ"),
]
REPORT = Report("Mine", "keras-jax", {"keras": "3.15.1"}, OUTCOMES, ["check_g: remove the entry"])
CLEAN = Report("Good", "keras-jax", {"keras": "3.15.1"}, OUTCOMES[:1])


def terminal(**options):
    return Console(file=io.StringIO(), width=100, color_system=None, highlight=False, **options)


def test_the_exit_code_is_that_of_the_worst():
    assert REPORT.exit_code == 1
    assert CLEAN.exit_code == 0
    assert dataclasses.replace(CLEAN, stale=["x"]).exit_code == 1
    assert dataclasses.replace(CLEAN, missing=1).exit_code == 1


def test_the_text_has_the_verdict_of_each_theme_and_ends_with_the_verdict():
    text = str(REPORT)
    rows = [line.split() for line in text.splitlines()]
    assert ["construction", "1"] in rows
    assert ["values", "3", "1", "2", "1"] in rows
    assert text.splitlines()[-1] == "Mine on keras-jax: 3 of 8 checks are violated."


def test_a_violation_is_shown_once_with_all_cases_and_its_smallest_example():
    text = str(REPORT)
    assert text.count("The sentence of check_a.") == 1
    assert "[one] p0 is 1 <b>" in text
    assert "[two] p1 is 2" in text
    assert "\nprint(3)\n" in text  # at the margin: it is there to be copied
    assert "print(1)" not in text
    assert smallest(OUTCOMES) == "print(3)"


def test_the_rest_comes_with_its_reasons():
    text = str(REPORT)
    assert "check_c: rounding See findings/x.md." in text
    assert "2 cases: no schedules" in text
    assert "check_f: two runs differ" in text
    assert "out of date: check_g: remove the entry" in text


WARNED = dataclasses.replace(
    CLEAN,
    outcomes=[
        *OUTCOMES[:1],
        outcome("check_d", verdict=Verdict.WARNING, reason="its config makes no optimizer"),
        outcome("check_e", verdict=Verdict.WARNING, reason="its config makes no optimizer"),
    ],
)
STRICT = dataclasses.replace(WARNED, strict=True)


def test_a_warning_is_first_and_counts_where_that_is_asked():
    assert WARNED.exit_code == 0
    assert STRICT.exit_code == 1
    first, *rest = str(WARNED).splitlines()
    assert first == "warning"
    assert rest[0] == "  2 cases: its config makes no optimizer"
    assert rest[-1] == "Good on keras-jax: nothing is violated, 1 holds, 2 warnings."
    assert str(STRICT).endswith("nothing is violated, but 2 warnings count, as asked.")
    assert "warning 2" in repr(WARNED)
    assert "warning" not in repr(CLEAN)
    for shown in (page([WARNED]), fragment(WARNED)):
        assert shown.index("its config makes no optimizer") < shown.index("construction")
    assert "violated</title>" in page([STRICT])


def test_junit_skips_a_warning_unless_it_counts(tmp_path):
    for report, failures, skipped in ((WARNED, 0, 2), (STRICT, 2, 0)):
        report.save(tmp_path / "report.xml")
        (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "report.xml"))
        assert (suite.failures, suite.skipped) == (failures, skipped)


def test_a_long_line_of_an_example_is_not_wrapped():
    line = "print(" + "1 + " * 60 + "1)"
    long = outcome("check_a", verdict=Verdict.VIOLATED, reason="x", example=line)
    assert line in str(dataclasses.replace(CLEAN, outcomes=[long]))


@pytest.mark.parametrize("show", [str, repr, fragment])
def test_what_a_notebook_shows_does_not_depend_on_time(show):
    slower = [dataclasses.replace(o, seconds=o.seconds + 7) for o in OUTCOMES]
    assert show(REPORT) == show(dataclasses.replace(REPORT, outcomes=slower))
    assert REPORT._repr_html_() == fragment(REPORT)


def test_headlines():
    assert headline(CLEAN) == "Good on keras-jax: nothing is violated, 1 holds."
    two = [outcome("check_c", case, Verdict.KNOWN, reason="rounding") for case in ("a", "b")]
    said = headline(dataclasses.replace(CLEAN, outcomes=[*OUTCOMES[:1] * 2, *two]))
    assert said == "Good on keras-jax: nothing is violated, 2 hold, 2 known differences."
    assert "interrupted after 1 of 4 checks" in headline(dataclasses.replace(CLEAN, missing=3))
    assert "out of date" in headline(dataclasses.replace(CLEAN, stale=["x"]))


def plan():
    items = [Planned(o.check, o.case, o.theme, o.sentence) for o in OUTCOMES]
    return Plan("Mine", "Mine(0.1)", "keras-jax", {"keras": "3.15.1"}, False, items, seconds=4.0)


def test_a_terminal_is_told_first_what_will_run_and_shows_how_far_it_is():
    console = terminal(force_terminal=True)
    shown = Terminal(console)
    shown.planned(plan())
    first = console.file.getvalue()
    assert "Checking Mine(0.1) on keras-jax (keras 3.15.1): 8 checks, about" in first
    for done in OUTCOMES:
        shown.done(done)
    shown._progress.refresh()
    assert "8/8" in console.file.getvalue()
    assert "3 violated" in console.file.getvalue()
    shown.finished(REPORT)
    assert "3 of 8 checks are violated." in console.file.getvalue()


def test_a_file_gets_no_bar():
    console = terminal()
    shown = Terminal(console)
    shown.planned(plan())
    shown.done(OUTCOMES[0])
    shown.finished(REPORT)
    text = console.file.getvalue()
    assert "1/8" not in text
    assert "\x1b" not in text


def test_nothing_is_printed_where_it_is_not_wanted(monkeypatch):
    assert type(display(True)) is Terminal
    assert type(display(False)) is not Terminal
    monkeypatch.setattr("slotscope.report.checks.terminal._in_notebook", lambda: True)
    assert type(display()) is not Terminal


def test_json_holds_every_field(tmp_path):
    REPORT.save(tmp_path / "deep" / "report.json")
    (found,) = json.loads((tmp_path / "deep" / "report.json").read_text())["reports"]
    assert found["counts"]["violated"] == 3
    assert found["exit_code"] == 1
    kept = [{k: v for k, v in o.items() if k != "id"} for o in found["outcomes"]]
    assert [Outcome(**{**o, "verdict": Verdict(o["verdict"])}) for o in kept] == OUTCOMES
    assert found["outcomes"][1]["id"] == "check_a[one]"


def test_junit_knows_failures_errors_and_what_was_skipped(tmp_path):
    REPORT.save(tmp_path / "report.xml")
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "report.xml"))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (9, 3, 1, 4)
    cases = {case.name: case for case in suite}
    assert cases["check_a[one]"].classname == "keras-jax.Mine.values"
    assert "print(1)" in cases["check_a[one]"].result[0].text
    assert "here" in cases["check_b"].result[0].text
    assert cases["check_c"].result[0].message == "known difference: rounding"
    assert cases["check_f"].result[0].message == "not reproducible: two runs differ"


def test_junit_holds_what_xml_cannot(tmp_path):
    odd = outcome("check_a", verdict=Verdict.VIOLATED, reason="a\x1b[0m\x00b")
    dataclasses.replace(CLEAN, outcomes=[odd]).save(tmp_path / "report.xml")
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "report.xml"))
    assert suite.failures == 1


def test_another_name_is_refused(tmp_path):
    with pytest.raises(BadCheckArgumentError, match=", ".join(format.suffix for format in FORMATS)):
        REPORT.save(tmp_path / "report.pdf")


@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)
def test_the_guide_names_every_format(format):
    guide = (ROOT / "docs" / "checking.md").read_text("utf-8")
    assert re.search(rf"`\{format.suffix}`", guide)
    assert f"--{format.parameter} " in guide


def test_a_page_needs_nothing_else():
    text = page([REPORT])
    assert re.findall(r"(?:src|href)=\"(?!#)", text) == []
    assert re.findall(r"https?://|@import|url\(", text) == []


def test_a_page_says_first_whether_it_holds_then_what_does_not_then_everything():
    text = page([REPORT])
    order = [
        "3 of 8 checks are violated",
        "What is violated",
        "print(3)",
        "Every check",
        "<script>",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "p0 is 1 &lt;b&gt;" in text
    assert text.count("data-verdict=") == len(OUTCOMES)


def test_a_page_of_several_optimizers_starts_with_all_of_them():
    text = page([REPORT, CLEAN])
    assert "<h1>2 optimizers on keras-jax</h1>" in text
    assert '<a href="#r2">Good</a>' in text
    assert '<h2 id="r2">Good on keras-jax</h2>' in text
