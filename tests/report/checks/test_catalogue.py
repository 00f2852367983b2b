"""The table of checks, and the page that quotes one of them."""

import inspect

from repository_root import ROOT

from slotscope.checks.selection import checks, theme_names
from slotscope.checks.themes import gradients
from slotscope.report.checks.catalogue import sentences


def test_every_check_is_one_sentence_of_a_theme():
    table = sentences()
    assert len(table) == len(checks()) == table["check"].nunique() == table["sentence"].nunique()
    assert list(table["theme"].unique()) == list(theme_names())
    assert table["sentence"].str.match(r"[A-Z`].*\.$").all()


def test_the_page_quotes_the_check_as_it_is():
    page = (ROOT / "docs" / "checks.md").read_text("utf-8")
    assert inspect.getsource(gradients.check_gradients_of_zero_give_finite_numbers) in page
