"""A sweep is the product of its parts; every mistake in them is told, with its place."""

import math

import pytest
from sweep_cases import write

from slotscope.cli.notebook_options import several
from slotscope.errors import BadGridError, BadParametersError
from slotscope.sweep.asked.combinations import combine, read_grid
from slotscope.sweep.asked.random_values import draws
from slotscope.sweep.declared.checked_values import Signature, TypedText
from slotscope.sweep.declared.notebook_file import read_notebook
from slotscope.sweep.declared.parameters import read_parameters

CELL = "a = 0\nb: Annotated[float, Gt(0)] = 1.0\nc = 'x'\nseed = 0"


@pytest.fixture
def signature(tmp_path):
    return Signature(read_parameters(read_notebook(write(tmp_path / "some.ipynb", CELL))))


def test_the_parts_multiply(signature):
    tables = {
        "grid": {"a": [1, 2]},
        "zip": {"b": [1, 2.5], "c": ["p", "q"]},
        "fixed": {"seed": 5},
    }
    found = combine(signature, tables, [])
    assert found.runs == (
        {"a": 1, "b": 1.0, "c": "p", "seed": 5},
        {"a": 1, "b": 2.5, "c": "q", "seed": 5},
        {"a": 2, "b": 1.0, "c": "p", "seed": 5},
        {"a": 2, "b": 2.5, "c": "q", "seed": 5},
    )


def test_samples_multiply_with_the_rest_and_belong_together(signature):
    table = {"samples": 3, "a": {"integers": [0, 9]}, "b": {"uniform": [1, 2]}}
    found = combine(signature, {"grid": {"c": ["p", "q"]}, "random": table}).runs
    pairs = [(run["a"], run["b"]) for run in found]
    assert [run["c"] for run in found] == ["p"] * 3 + ["q"] * 3
    assert pairs[:3] == pairs[3:]


def test_options_are_varied_like_the_grid(signature):
    found = combine(signature, {"grid": {"a": [1, 2]}}, [("c", [TypedText("p"), TypedText("q")])])
    assert [tuple(run.values()) for run in found.runs] == [(1, "p"), (1, "q"), (2, "p"), (2, "q")]


def test_equal_combinations_are_one_run(signature):
    found = combine(signature, {"grid": {"b": [1, 1.0, 2]}})
    assert [run["b"] for run in found.runs] == [1.0, 2.0]
    assert found.repeated == 1


def test_samples_come_again_and_more_of_them_begin_alike():
    first = draws("b", {"loguniform": [1e-4, 1.0]}, 20, 0)
    assert first == draws("b", {"loguniform": [1e-4, 1.0]}, 40, 0)[:20]
    assert first[:1] == [0.0144494]
    assert draws("c", {"loguniform": [1e-4, 1.0]}, 20, 0) != first
    assert draws("b", {"loguniform": [1e-4, 1.0]}, 20, 1) != first


@pytest.mark.parametrize(
    ("description", "holds"),
    [
        ({"uniform": [-1, 1]}, lambda v: type(v) is float and -1 <= v <= 1),
        ({"uniform": [0.123456789, 0.123456789]}, lambda v: v == 0.123456789),
        ({"loguniform": [1e-9, 1e9]}, lambda v: 1e-9 <= v <= 1e9),
        ({"integers": [1, 3]}, lambda v: v in (1, 2, 3)),
        ({"choice": ["p", 2]}, lambda v: v in ("p", 2)),
    ],
    ids=["uniform", "constant", "loguniform", "integers", "choice"],
)
def test_samples_are_within_what_they_are_drawn_from(description, holds):
    assert all(holds(value) for value in draws("b", description, 200, 3))


def test_a_wide_range_is_drawn_by_its_logarithm():
    values = [math.log10(v) for v in draws("b", {"loguniform": [1e-6, 1.0]}, 2000, 0)]
    assert abs(sum(values) / 2000 + 3) < 0.15


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"grid": {"a": [1, "x"]}}, r"\[grid\] \(value 2\) a = 'x': it should be a valid integer"),
        ({"grid": {"aa": [1, 2]}}, r"\[grid\] aa is not a parameter.*did you mean a"),
        ({"grid": {"a": 1}}, r"\[grid\] a: expected a list of values, such as \[1\]"),
        ({"grid": {"a": []}}, r"\[grid\] a: the list is empty"),
        ({"grid": {"a": [1]}, "fixed": {"a": 1}}, r"\[fixed\] a: it is given in \[grid\], too"),
        ({"zip": {"a": [1, 2], "b": [1]}}, "a has 2, b has 1"),
        ({"zip": {"a": [1, 2], "b": [0, 1]}}, r"\[zip\] \(value 1\) b = 0"),
        ({"random": {"b": {"uniform": [0, 1]}}}, "expected samples"),
        ({"random": {"samples": 2}}, "it names no parameter"),
        ({"random": {"samples": 2, "seed": {"integers": [0, 1]}, "a": {}}}, "seed is that of"),
        ({"random": {"samples": 2, "b": {"normal": [0, 1]}}}, "normal is not a distribution"),
        ({"random": {"samples": 2, "b": {"uniform": [1, 0]}}}, "the smaller one first"),
        ({"random": {"samples": 2, "b": {"loguniform": [0, 1]}}}, "expected numbers above 0"),
        ({"random": {"samples": 2, "a": {"integers": [0.5, 1]}}}, "expected two whole numbers"),
        ({"random": {"samples": 2, "b": 3}}, "expected one of"),
        ({"random": {"samples": 9, "b": {"uniform": [-9, -1]}}}, r"\[random\] b = .*\(9 of 9"),
        ({"random": {"samples": 10**9, "a": {"integers": [1, 9]}}}, "not above 1,000,000"),
        ({"grid": {"a": [*range(2000)], "b": [*range(1, 2000)]}}, "more than 1,000,000 runs"),
    ],
)
def test_a_mistake_is_told_with_its_place(signature, tables, said):
    with pytest.raises(BadParametersError, match=said):
        combine(signature, tables)


def test_all_mistakes_are_told_at_once(signature):
    tables = {
        "grid": {"a": ["x", 1.5], "nothing": [1]},
        "zip": {"b": [1, -1], "c": ["p"]},
        "random": {"samples": 0},
        "fixed": {"seed": "now"},
    }
    with pytest.raises(BadParametersError) as caught:
        combine(signature, tables)
    assert len(caught.value.mistakes) == 8


def test_samples_of_one_parameter_make_one_mistake_which_says_what_to_draw(signature):
    table = {"samples": 20, "a": {"uniform": [0.5, 10]}, "c": {"integers": [1, 2]}}
    with pytest.raises(BadParametersError) as caught:
        combine(signature, {"random": table})
    first, second = caught.value.mistakes
    assert first.startswith("[random] a = ")
    assert first.endswith("(20 of 20 samples do not fit; {integers = [0, 10]} may be meant)")
    assert second.endswith("a valid string (20 of 20 samples do not fit)")


def test_all_mistakes_of_a_random_table_are_told_at_once(signature):
    table = {
        "seed": "x",
        "aa": {"integers": [1, 2]},
        "b": {"normal": [0, 1]},
        "c": {"uniform": [1]},
    }
    with pytest.raises(BadParametersError) as caught:
        combine(signature, {"random": table})
    found = "\n".join(caught.value.mistakes)
    for said in (
        "expected samples",
        "seed is that",
        "did you mean a?",
        "normal is not",
        "two numbers",
    ):
        assert said in found
    assert len(caught.value.mistakes) == 5


def test_a_required_parameter_is_given_somewhere(tmp_path):
    path = write(tmp_path / "some.ipynb", "a: int\nb = 1")
    signature = Signature(read_parameters(read_notebook(path)))
    with pytest.raises(BadParametersError, match="a is missing"):
        combine(signature, {"grid": {"b": [1]}})
    assert combine(signature, {"fixed": {"a": 1}}).runs == ({"a": 1},)


def test_a_file_of_combinations_may_begin_with_a_mark_of_the_order_of_bytes(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text("[grid]\na = [1]", encoding="utf-8-sig")
    assert read_grid(path) == {"grid": {"a": [1]}}


def test_nothing_to_vary_is_an_error(signature):
    with pytest.raises(BadGridError, match="nothing to vary"):
        combine(signature, {})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[grid", "is not TOML"),
        ("[girds]\na = [1]", r"has girds. Expected the tables \[grid\]"),
        ("grid = 3", "has grid"),
        ("a = [1, 2]", "has a"),
    ],
)
def test_a_file_that_is_no_grid_is_refused(tmp_path, content, said):
    path = tmp_path / "grid.toml"
    path.write_text(content)
    with pytest.raises(BadGridError, match=said):
        read_grid(path)
    with pytest.raises(BadGridError, match="can't be read"):
        read_grid(tmp_path / "no.toml")


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("1,2,3", ["1", "2", "3"]),
        ("[1, 2],[3]", ["[1, 2]", "[3]"]),
        ("SGD, Adam", ["SGD", "Adam"]),
        ("'a,b',c", ["a,b", "c"]),
        ("it's,so", ["it's", "so"]),
        ("", [""]),
    ],
)
def test_commas_part_values_but_within_brackets_and_quotes(typed, values):
    assert several(typed) == values
