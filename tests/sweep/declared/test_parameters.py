"""What a notebook can be given is read from its parameters cell, and nothing is executed."""

import contextlib
import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import nbformat
import pytest
from annotated_types import Ge, Gt, Lt
from pydantic import PositiveInt
from sweep_cases import LOGGED, write

from slotscope.errors import UnfitNotebookError
from slotscope.sweep.declared.notebook_file import read_notebook
from slotscope.sweep.declared.parameters import read_parameters


@pytest.fixture
def read(tmp_path):
    def reader(*sources, **options):
        path = write(tmp_path / "some.ipynb", *sources, **options)
        return read_parameters(read_notebook(path))

    return reader


def test_a_parameter_has_name_type_default_and_help():
    x, power, kind, seconds, log = read_parameters(read_notebook(LOGGED))
    assert (x.name, x.default, x.help) == ("x", "1", "what is squared")
    assert x.type_text == "int, >= 0, <= 10000"
    assert (power.type, kind.default) == (float, "'plain'")
    assert [p.name for p in (seconds, log)] == ["seconds", "log"]


@pytest.mark.parametrize(
    ("annotation", "meant", "shown"),
    [
        ("int", int, "int"),
        ("'float'", float, "float"),
        ("list[int]", list[int], "list[int]"),
        ("dict[str, float]", dict[str, float], "dict[str, float]"),
        ("int | None", int | None, "int or None"),
        ("Optional[str]", str | None, "str or None"),
        ("Literal['a', 'b']", Literal["a", "b"], "'a' or 'b'"),
        ("typing.Literal['a']", Literal["a"], "'a'"),
        ("Annotated[float, Gt(0), Lt(1)]", Annotated[float, Gt(0), Lt(1)], "float, > 0, < 1"),
        ("Annotated[int, Ge(-1)]", Annotated[int, Ge(-1)], "int, >= -1"),
    ],
)
def test_annotations_mean_what_they_mean_in_python(read, annotation, meant, shown):
    (parameter,) = read(f"x: {annotation}")
    assert (parameter.type, parameter.type_text, parameter.default) == (meant, shown, None)


@pytest.mark.parametrize(
    "cell",
    [
        "import typing as ty\nx: ty.Literal['a'] = 'a'",
        "from typing import Literal as One\nx: One['a'] = 'a'",
        "import typing\nx: typing.Literal['a'] = 'a'",
        "x: t.Literal['a'] = 'a'",
    ],
)
def test_typing_is_known_by_the_name_that_a_cell_gives_it(read, cell):
    assert read(cell)[0].type == Literal["a"]
    first, _, second = cell.rpartition("\n")
    assert read(first, second, tag=1)[0].type == Literal["a"]


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("1", int),
        ("-0.5", float),
        ("True", bool),
        ("'SGD'", str),
        ("[1, 2]", list),
        ("{'a': 1}", dict),
        ("None", Any),
        ("2 * 16", Any),
        ("os.getcwd()", Any),
    ],
)
def test_without_an_annotation_the_default_says_the_type(read, value, meant):
    assert read(f"x = {value}")[0].type == meant


def test_a_type_comment_is_papermills(read):
    x, y = read("x = 1  # type: float the rate\ny = None  #type: int, how often")
    assert (x.type, x.help) == (float, "the rate")
    assert (y.type, y.help) == (int | None, "how often")


def test_what_is_said_to_a_type_checker_is_neither_type_nor_help(read):
    lines = ("x = 1  # type: ignore", "y = 2.0  # type: ignore[assignment]  # eta")
    x, y, z = read("\n".join([*lines, "z = 'a'  # type: ignored"]))
    assert [(p.type, p.help) for p in (x, y)] == [(int, ""), (float, "eta")]
    assert z.type_text == "ignored (not checked)"


@pytest.mark.parametrize(
    ("annotation", "meant", "shown"),
    [
        ("str", str | None, "str or None"),
        ("Annotated[int, Gt(0)]", Annotated[int, Gt(0)] | None, "int, > 0 or None"),
        ("Optional[str]", str | None, "str or None"),
        ("Literal['a', None]", Literal["a", None], "'a' or None"),
        ("Any", Any, "Any"),
    ],
)
def test_a_default_of_none_may_be_given_as_well(read, annotation, meant, shown):
    (parameter,) = read(f"x: {annotation} = None")
    assert (parameter.type, parameter.type_text) == (meant, shown)


@pytest.mark.parametrize(
    ("annotation", "meant"),
    [("Final[int]", int), ("typing.Final[float]", float), ("Final", int), ("t.Final", int)],
)
def test_what_is_final_has_the_type_within(read, annotation, meant):
    assert read(f"x: {annotation} = 1")[0].type == meant


def test_an_annotation_that_names_something_unknown_takes_anything(read):
    x, y = read("x: np.ndarray = None\ny: Annotated[int, check(1)] = 1")
    assert (x.type, x.type_text) == (Any, "np.ndarray (not checked)")
    assert y.type == Any


@pytest.mark.parametrize(
    "annotation",
    [
        "Annotated[str, Field(pattern='(')]",
        "Annotated[float, Gt('0')]",
        "Annotated[int, MultipleOf(0)]",
        "3",
    ],
)
def test_an_annotation_to_which_no_value_can_be_held_takes_anything(read, annotation):
    cell = f"from pydantic import Field\nx: {annotation} = 1"
    (parameter,) = read(cell)
    assert (parameter.type, parameter.type_text[-13:]) == (Any, "(not checked)")


def test_types_beside_pythons_own_are_known_where_they_are_imported(read):
    cell = "x: PositiveInt = 1\ny: Path = 'a'\nz: date = None"
    assert {p.type for p in read(cell)} == {Any}
    imports = (
        "from pathlib import Path\nfrom datetime import date\nfrom pydantic import PositiveInt"
    )
    x, y, z = read(imports, cell, tag=1)
    assert (x.type, y.type) == (PositiveInt, Path)
    assert z.type == date | None


@pytest.mark.parametrize(
    "annotation",
    [
        "Annotated[int, {code}]",
        "Annotated[int, {text}]",
        "Annotated[{text}, Gt(0)]",
        "Annotated[int | {text}, Gt(0)]",
        "Annotated[int, Gt(0)] | {text}",
        "Literal[{text}]",
        "Literal['a'] | {text}",
        "{text}",
        "{quoted}",
        "{text} | None",
        "int | {quoted}",
        "'int | ' {text}",
        "list[{text}]",
        "list[[{text}]]",
        "list[int | {text}]",
        "tuple[({text}, int)]",
        "dict[str, ({text}, int)]",
        "Optional[{text}]",
        "Union[int, {text}]",
        "Mapping[str, Sequence[{text} | None]]",
    ],
)
def test_nothing_is_executed(read, tmp_path, annotation):
    code = f"open({str(tmp_path / 'made')!r}, 'w')"
    written = annotation.format(code=code, text=repr(code), quoted=repr(repr(code)))
    (parameter,) = read(f"x: {written} = {code}")
    with contextlib.suppress(ValueError):
        parameter.adapter.validate_json("1")
    assert not (tmp_path / "made").exists()


def test_a_text_within_an_annotation_is_one_itself_or_what_it_stands_for(read):
    x, y, z = read("x: int | 'list[str]'\ny: Annotated[int, 'words']\nz: Literal['int'] | 'float'")
    assert (x.type, x.type_text) == (int | list[str], "int or list[str]")
    assert y.type == Annotated[int, "words"]
    assert z.type == Literal["int"] | float


@pytest.mark.parametrize(
    ("cell", "defaults"),
    [
        ("files = !ls\nx = 1", {"files": "get_ipython().getoutput('ls')", "x": "1"}),
        ("home = %env HOME\nx = 1  # how many", {"x": "1"}),
        ('x = """\n%d items\n!\n"""', {"x": repr("\n%d items\n!\n")}),
        ("%%time\nx = 1\n!ls", {"x": "1"}),
    ],
)
def test_what_ipython_alone_reads_may_be_in_the_cell(read, cell, defaults):
    found = {parameter.name: parameter.default for parameter in read(cell)}
    assert found | defaults == found


def test_several_targets_magics_and_repeated_names(read):
    parameters = read("%matplotlib inline\na = b = 1\nc, d = 2, 'e'\na = 3.0\n!ls\nimport numpy")
    assert {p.name: p.default for p in parameters} == {"a": "3.0", "b": "1", "c": "2", "d": "'e'"}


def test_a_text_with_a_hash_has_no_help(read):
    x, y = read("x = '# no'\ny = '#'  # yes")
    assert (x.help, y.help) == ("", "yes")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"nbformat": 4, "cells": 3}', "\xff"])
def test_a_file_that_is_no_notebook_is_refused(tmp_path, content):
    path = tmp_path / "some.ipynb"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(UnfitNotebookError, match=r"some\.ipynb is not a notebook"):
        read_notebook(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UnfitNotebookError, match="can't be read: No such file"):
        read_notebook(tmp_path / "no.ipynb")
    with pytest.raises(UnfitNotebookError, match="can't be read: Is a directory"):
        read_notebook(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"nbformat": 5}, "of format 5, not 4"),
        ({"nbformat": 3, "worksheets": [], "cells": []}, "of format 3, not 4"),
        ({"nbformat_minor": None}, "is not a notebook"),
        ({"metadata": None}, "is not a notebook"),
        ({"cells": [{"cell_type": "code", "source": "", "outputs": []}]}, "it has no `metadata`"),
    ],
    ids=["format", "old format", "minor", "notebook", "cell"],
)
def test_what_would_end_every_run_is_told_of_a_notebook(tmp_path, changes, said):
    path = write(tmp_path / "some.ipynb", "x = 1")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UnfitNotebookError, match=said):
        read_notebook(path)


def test_a_mark_of_the_order_of_bytes_is_none_of_the_content(tmp_path):
    path = write(tmp_path / "some.ipynb", "x = 1")
    text = path.read_text()
    path.write_text(text, encoding="utf-8-sig")
    assert read_notebook(path).text == text


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        ("x = 1", {"tag": None}, "the tag `parameters`"),
        ("x = 1\ny =", {}, "line 2"),
        ("x <- 1", {"language_info": {"name": "R"}}, "written in R"),
    ],
    ids=["no tag", "not Python", "another language"],
)
def test_why_there_are_no_parameters_is_said(read, source, options, said):
    with pytest.raises(UnfitNotebookError, match=said):
        read(source, **options)


def test_the_digest_is_of_code_alone(tmp_path):
    path = tmp_path / "some.ipynb"
    digest = read_notebook(write(path, "x = 1", "x")).code
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_markdown_cell("# Words"))
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="1")]
    nbformat.write(notebook, path)
    assert read_notebook(path).code == digest
    assert read_notebook(write(path, "x = 1", "x", tag=1)).code != digest
    assert read_notebook(write(path, "x = 1", "2 * x")).code != digest
