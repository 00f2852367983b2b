"""Violations with one cause are one entry, at the head; what is left comes below it."""

from slotscope.checks.data.known_differences import NOT_KNOWN
from slotscope.checks.verdict import CRASHED, Outcome, Verdict
from slotscope.report.checks.causes import causes
from slotscope.report.checks.checks_report import Report
from slotscope.report.checks.page import fragment, page

LR = f"{CRASHED}TypeError: __init__() got an unexpected keyword argument 'lr'"


def violated(check, case="", reason=LR, crash="Traceback\n  at line 7", example="run()"):
    sentence = f"The sentence of {check}."
    said = {"reason": reason, "crash": crash, "example": example}
    return Outcome(check, case, "values", sentence, Verdict.VIOLATED, **said)


MANY = [
    violated("check_a", "one", example="a_longer_run()"),
    violated("check_a", "two"),
    violated("check_b"),
    violated("check_c", reason=f"{LR}{NOT_KNOWN}something else"),
    violated("check_d", reason="p0 is 1, expected 2", crash="", example="see_d()"),
    violated("check_e", reason=f"{CRASHED}KeyError: 'x'", crash="Traceback of e"),
]
REPORT = Report("Mine", "keras-jax", {}, MANY)


def test_one_exception_in_several_checks_is_one_cause():
    (cause,), others = causes(MANY)
    assert cause.said == "TypeError: __init__() got an unexpected keyword argument 'lr'"
    assert cause.size == "4 cases of 3 checks"
    assert cause.checks == ["check_a", "check_b", "check_c"]
    assert [outcome.check for outcome in others] == ["check_d", "check_e"]


def test_numbers_and_addresses_make_no_other_cause():
    said = [f"{CRASHED}ValueError: <V at 0x7f{n}a> has {n} slots, not 1.{n}e-05" for n in "34"]
    found, others = causes(
        [violated("check_a", reason=said[0]), violated("check_b", reason=said[1])]
    )
    assert [cause.size for cause in found] == ["2 cases of 2 checks"]
    assert others == []


def test_a_value_or_a_single_check_is_no_cause():
    """What is found of values may read alike and have many causes; one check is one entry."""
    values = [violated(f"check_{n}", reason="p0 is 1, expected 2", crash="") for n in "ab"]
    cases = [violated("check_c", case) for case in ("one", "two")]
    assert causes([*values, *cases]) == ([], [*values, *cases])


def test_the_most_frequent_cause_is_first():
    rare = [violated(f"check_{n}", reason=f"{CRASHED}KeyError: 'x'") for n in "xy"]
    assert [len(cause.outcomes) for cause in causes([*rare, *MANY])[0]] == [4, 3]


def test_the_text_says_it_once_and_first():
    text = str(REPORT)
    assert text.count("unexpected keyword argument 'lr'") == 1
    assert text.count("at line 7") == 1
    order = [
        "4 cases of 3 checks: mend this first",
        "check_a, check_b, check_c",
        "run()",
        "see_d()",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "a_longer_run" not in text
    assert "The sentence of check_a." not in text
    assert "The sentence of check_e." in text
    assert text.splitlines()[-1] == "Mine on keras-jax: 6 of 6 checks are violated."


def test_pages_and_notebooks_say_it_once_and_first():
    for shown in (page([REPORT]).partition("Every check")[0], fragment(REPORT)):
        assert shown.count("unexpected keyword argument") == 1
        assert shown.count("at line 7") == 1
        assert shown.index("mend this first") < shown.index("The sentence of check_d.")
    assert page([REPORT]).count("data-verdict=") == len(MANY)


def known(check, also_of):
    reason = "a reason (what was seen)"
    return Outcome(check, "", "values", "A.", Verdict.KNOWN, reason, page="p.md", also_of=also_of)


def test_what_concerns_keras_is_one_line():
    """What the author listed is told in full."""
    outcomes = [known("check_a", "SGD"), known("check_b", "SGD"), known("check_c", "")]
    report = Report("Mine", "keras-jax", {}, outcomes)
    for shown in (str(report), fragment(report)):
        assert "2 cases are no fault of this optimizer" in shown
        assert "check_a" not in shown
        assert "check_c" in shown
    assert "check_a" in page([report])
