"""A value is what its parameter declares, or a sentence says why not."""

import datetime
import math

import pytest
from sweep_cases import write

from slotscope.errors import BadParametersError
from slotscope.sweep.declared.checked_values import (
    Signature,
    TypedText,
    UnfitValueError,
    signature_of,
)
from slotscope.sweep.declared.notebook_file import read_notebook
from slotscope.sweep.declared.parameters import read_parameters

CELL = """
rate: Annotated[float, Gt(0), Le(1)] = 0.5  # eta
steps: int = 3
name: str = "SGD"
one: Literal["SGD", "Adam"] = "SGD"
maybe: Optional[str] = None
some: list[int] = [1]
pair: tuple[int, float] = (1, 2)
flag = False
both: int | str = 1
table: dict[str, float] = {}
other = None
listed: Annotated[list[int], Gt(0)] = [1]
many: Annotated[int, Len(3)] = 1
where: Path = "a"
day: date = "2026-01-31"
whom: str = None
often: int = None
needed: int
"""
IMPORTS = "from datetime import date\nfrom pathlib import Path"


@pytest.fixture
def signature(tmp_path):
    path = write(tmp_path / "some.ipynb", IMPORTS, CELL, tag=1)
    return Signature(read_parameters(read_notebook(path)))


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("rate", "1e-3", 1e-3),
        ("rate", "1", 1.0),
        ("steps", "12", 12),
        ("name", "12", "12"),
        ("name", "None", "None"),
        ("name", "[1", "[1"),
        ("name", "'quoted'", "'quoted'"),
        ("maybe", '"quoted"', '"quoted"'),
        ("both", "'2'", "2"),
        ("whom", "None", None),
        ("whom", "7", "7"),
        ("often", "None", None),
        ("listed", "[1]", [1]),
        ("many", "3", 3),
        ("where", "a/b", "a/b"),
        ("where", "3", "3"),
        ("day", "2026-02-28", "2026-02-28"),
        ("one", "Adam", "Adam"),
        ("maybe", "None", None),
        ("maybe", "some", "some"),
        ("some", "[1, 2]", [1, 2]),
        ("pair", "[1, 2]", [1, 2.0]),
        ("flag", "true", True),
        ("flag", "False", False),
        ("both", "2", 2),
        ("both", "two", "two"),
        ("table", '{"a": 1}', {"a": 1.0}),
        ("other", "null", None),
        ("other", "text", "text"),
        ("other", "-inf", -math.inf),
    ],
)
def test_a_typed_text_becomes_a_value_by_its_type(signature, name, typed, value):
    found = signature.value(name, TypedText(typed))
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("rate", 0, "rate = 0: it should be greater than 0"),
        ("rate", TypedText("2"), "less than or equal to 1"),
        ("rate", "0.5", "a valid number"),
        ("rate", True, "a valid number"),
        ("steps", 1.5, "the notebook declares `steps: float`"),
        ("steps", True, "a valid integer"),
        ("name", 1, "a valid string"),
        ("one", TypedText("Adm"), "did you mean 'Adam'"),
        ("some", [1, "a"], r"\[1\]: it should be a valid integer"),
        ("flag", 1, "a valid boolean"),
        ("other", {1, 2}, "a parameter is None, a boolean"),
        ("other", datetime.date(2026, 1, 31), "dictionary of these: quote it"),
        ("often", TypedText("2.5"), "a valid integer"),
        ("where", 3, "where = 3"),
        ("day", TypedText("bad"), "day = 'bad'"),
        ("one", "sgd", "did you mean 'SGD'"),
        ("RATE", 1, "did you mean rate?"),
        ("rates", 1, "rates is not a parameter of the notebook; did you mean rate?"),
    ],
)
def test_any_other_value_is_refused(signature, name, value, said):
    with pytest.raises(UnfitValueError, match=said):
        signature.value(name, value)


def test_a_whole_number_is_a_float_where_the_default_is_one(tmp_path):
    path = write(tmp_path / "some.ipynb", "rate = 0.5")
    value = Signature(read_parameters(read_notebook(path))).value("rate", 2)
    assert (value, type(value)) == (2.0, float)


def test_one_error_has_all_mistakes_and_lists_all_parameters(signature):
    with pytest.raises(BadParametersError) as caught:
        signature.check({"rate": -1, "stepz": 3, "one": "Adm"})
    assert len(caught.value.mistakes) == 4
    text = str(caught.value)
    for said in ("rate = -1", "did you mean steps", "'Adam'", "needed is missing", "eta"):
        assert said in text
    for parameter in signature.parameters:
        assert f"  {parameter.name} (" in text


def test_values_that_fit_come_back(signature):
    assert signature.check({"needed": 1, "rate": 1}) == {"needed": 1, "rate": 1.0}


def test_a_notebook_in_another_language_takes_anything(tmp_path):
    path = write(tmp_path / "some.ipynb", "x <- 1", language_info={"name": "R"})
    values = signature_of(read_notebook(path)).check({"x": TypedText("2"), "y": TypedText("two")})
    assert values == {"x": 2, "y": "two"}
