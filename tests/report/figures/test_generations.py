"""The table of how the generations differ."""

from repository_root import ROOT

from slotscope.report.figures.generations import GENERATIONS, differences, sources
from slotscope.rules import RULES


def test_what_is_the_same_everywhere_is_left_out():
    table = differences()
    assert ("SGD", "momentum") not in table.index
    assert ("RMSprop", "epsilon_inside") in table.index


def test_a_row_has_each_generations_own_value():
    row = differences().loc[("Adagrad", "learning_rate")]
    assert list(row[list(GENERATIONS)]) == ["0.01", "0.001", "0.001", "0.001"]


def test_a_cell_is_empty_where_there_is_nothing():
    table = differences()
    assert table.loc[("Lion", "learning_rate"), "keras-2.1"] == ""
    assert table.loc[("RMSprop", "centered"), "keras-2.1"] == ""


def test_every_row_says_what_it_means():
    assert (differences()["meaning"] != "").all()


def test_every_rule_has_its_sources():
    table = sources()
    assert list(table.index) == list(RULES)
    assert (table["paper"] != "").all()


def test_the_page_shows_every_formula():
    page = (ROOT / "docs" / "rules.md").read_text()
    for cls in RULES.values():
        assert f".. autoclass:: {cls.__module__}.{cls.__name__}\n" in page
