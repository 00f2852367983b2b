"""The notebook gates: what must be true of a stored notebook, seen without starting a kernel.

nbval compares what a notebook stores with what it computes, and so trusts what is stored: it
compares nothing in a cell that was never run, and no image at all. A gate closes such a hole, or
holds the house's form. Each is a function from a notebook to the sentences that say what breaks it;
`GATES` lists them, and `violations` runs them all. A notebook is what `nbformat.read` returns.
"""

import ast
import json
import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

LINES = 8
DECLARED = 16  # lines of a parameters cell: a list of names, types and ranges
COLUMNS = 72
KERNEL = "python3"

# A number with a point or an exponent, which no letter, digit or point continues: no version.
FLOAT = re.compile(r"(?<![\w.])(?:\d+\.\d*|\.\d+|\d+(?=e))(?:e[-+]?\d+)?(?![\w.])", re.IGNORECASE)
DIGITS = 7  # so many that float32 has of any number
TINY = 1e-5  # a float below it, with two digits or more, is likely a rounding error
BASE64 = re.compile(r"[A-Za-z0-9+/]{40,}")

# Marks that make nbval look away, written as a cell's tag or as a comment line in its source.
UNCHECKED = frozenset(
    {
        "nbval-ignore-output",
        "nbval-raises-exception",
        "nbval-skip",
        "pytest-validate-ignore-output",
        "raises-exception",
    }
)

# The cells that may carry such a mark all the same: cell id to the reason why.
REASONS: dict[str, str] = {}

Notebook = Any  # nbformat's NotebookNode, a dict with attributes; nbformat ships no types
Gate = Callable[[Notebook], Iterator[str]]


def counts_run_from_one(notebook: Notebook) -> Iterator[str]:
    """Code cells were executed once each, from top to bottom."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield (
            f"execution counts are {counts}, expected 1 to {len(counts)} in order; "
            "write them with `nox -s bless`"
        )


def outputs_are_clean(notebook: Notebook) -> Iterator[str]:
    """Nothing was written to stderr, and no cell raised."""
    for number, cell in enumerate(code_cells(notebook), 1):
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                yield f"code cell {number} wrote to stderr: {output.text.strip()[:80]!r}"
            if output.output_type == "error":
                yield f"code cell {number} raised {output.ename}: {output.evalue[:80]}"


def images_have_alt_text(notebook: Notebook) -> Iterator[str]:
    """A figure can be read by those who cannot see it."""
    for number, cell in enumerate(code_cells(notebook), 1):
        kinds = [kind for output in cell.outputs for kind in output.get("data", {})]
        image = cell.metadata.get("mystnb", {}).get("image", {})
        if any(kind.startswith("image/") for kind in kinds) and not image.get("alt", "").strip():
            yield (
                f"code cell {number} shows an image without alt text; "
                "describe it in the cell's metadata, mystnb.image.alt"
            )


def has_one_title(notebook: Notebook) -> Iterator[str]:
    """There is one H1, in the first cell."""
    titles = [
        (index, title)
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "markdown"
        for title in headings(cell.source)
    ]
    if len(titles) != 1:
        yield f"there are {len(titles)} H1 headings, expected one: {[t for _, t in titles]}"
    elif titles[0][0] != 0:
        yield f"the H1 {titles[0][1]!r} is not in the first cell; move it there"


def cells_are_small(notebook: Notebook) -> Iterator[str]:
    """A code cell fits in the eye, and in the width of the site's page."""
    for number, cell in enumerate(code_cells(notebook), 1):
        lines = cell.source.splitlines()
        limit = DECLARED if "parameters" in cell.metadata.get("tags", []) else LINES
        if len(lines) > limit:
            yield f"code cell {number} has {len(lines)} lines, at most {limit}; split it"
        for line in lines:
            if len(line) > COLUMNS:
                yield f"code cell {number} has {len(line)} columns, at most {COLUMNS}: {line!r}"


def has_parameters(notebook: Notebook) -> Iterator[str]:
    """One code cell is tagged `parameters`: papermill runs the notebook on other values."""
    if len(parameters(notebook)) != 1:
        yield f"{len(parameters(notebook))} code cells are tagged 'parameters', expected one"


def everything_is_checked(notebook: Notebook) -> Iterator[str]:
    """No mark tells nbval to look away, but in the cells that `REASONS` lists."""
    for number, cell in enumerate(code_cells(notebook), 1):
        marks = sorted(unchecked(cell))
        if marks and cell.get("id") not in REASONS:
            yield f"code cell {number} is marked {marks}, so nbval would not check it"


def cells_have_ids(notebook: Notebook) -> Iterator[str]:
    """Every cell has an id of its own, so that a diff follows it when it moves."""
    names = [cell.get("id") for cell in notebook.cells]
    if None in names:
        yield f"{names.count(None)} cells have no id; `nox -s bless` adds them"
    elif len(set(names)) != len(names):
        yield f"cell ids are not unique: {sorted({n for n in names if names.count(n) > 1})}"


def metadata_is_portable(notebook: Notebook) -> Iterator[str]:
    """The kernel is anybody's `python3`, and nothing is stored of the machine that ran it."""
    kernel = notebook.metadata.get("kernelspec", {}).get("name")
    if kernel != KERNEL:
        yield f"the kernel is {kernel!r}, expected {KERNEL!r}"
    language = dict(notebook.metadata.get("language_info", {}))
    if language != {"name": "python"}:
        yield f"language_info is {language}, expected only the name; `nox -s bless` trims it"
    for name in {"papermill", "widgets"} & set(notebook.metadata):
        yield f"metadata holds {name!r}, left by a run; `nox -s bless` removes it"


def engines_are_declared(notebook: Notebook) -> Iterator[str]:
    """`metadata.slotscope.engines` names the engines that the claim is about.

    Where there are several, the parameter `engine` says which of them runs.
    """
    names = engines(notebook)
    if not names or len(set(names)) != len(names):
        yield f"metadata.slotscope.engines is {names}, expected the names of distinct engines"
    elif len(names) > 1 and "engine" not in parameter_names(notebook):
        yield f"{len(names)} engines are declared, but the parameters do not set `engine`"


def outputs_are_portable(notebook: Notebook) -> Iterator[str]:
    """No stored text shows rounding errors, and no stored data is bits in base64.

    What is exact by construction is a whole number over a power of two, and passes.
    """
    for number, cell in enumerate(code_cells(notebook), 1):
        for kind, content in texts(cell):
            if kind.startswith("application/vnd.") and BASE64.search(content):
                yield (
                    f"code cell {number} stores base64 as {kind}, which nbval compares bit for bit;"
                    " keep results with slotscope.result, which nbval does not compare"
                )
            elif found := [text for text in FLOAT.findall(content) if is_rounded(text)]:
                yield (
                    f"code cell {number} shows {found[0]}, whose digits depend on the processor;"
                    " round it, or state a bound and assert it"
                )
                break  # HTML and text say the same


GATES: tuple[Gate, ...] = (
    counts_run_from_one,
    outputs_are_clean,
    images_have_alt_text,
    has_one_title,
    cells_are_small,
    has_parameters,
    everything_is_checked,
    cells_have_ids,
    metadata_is_portable,
    engines_are_declared,
    outputs_are_portable,
)


def violations(notebook: Notebook) -> list[str]:
    """Every sentence of every gate: empty if the notebook may stay as it is."""
    return [sentence for gate in GATES for sentence in gate(notebook)]


def find(folder: Path) -> list[Path]:
    """The notebooks below a folder, in reading order."""
    paths = folder.rglob("*.ipynb")
    return sorted(path for path in paths if ".ipynb_checkpoints" not in path.parts)


def code_cells(notebook: Notebook) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def engines(notebook: Notebook) -> list[str]:
    """The engines that the notebook says its claim is about."""
    return list(notebook.metadata.get("slotscope", {}).get("engines", []))


def parameters(notebook: Notebook) -> list[Any]:
    return [cell for cell in code_cells(notebook) if "parameters" in cell.metadata.get("tags", [])]


def defaults(notebook: Notebook) -> str:
    """The source that sets the parameters' default values."""
    return "\n".join(cell.source for cell in parameters(notebook))


def parameter_names(notebook: Notebook) -> set[str]:
    """The names that the parameters cell sets, annotated or not."""
    found = set()
    for statement in ast.parse(defaults(notebook)).body:
        if isinstance(statement, ast.Assign):
            found |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            found.add(statement.target.id)
    return found


def texts(cell: Any) -> Iterator[tuple[str, str]]:
    """What a cell's outputs hold, pictures aside: kinds and contents."""
    for output in cell.outputs:
        if output.output_type == "stream":
            yield "text/plain", output.text
        for kind, content in output.get("data", {}).items():
            if not kind.startswith("image/"):
                yield kind, content if isinstance(content, str) else json.dumps(content)


def is_rounded(text: str) -> bool:
    """Whether a float, as printed, has more digits than float32 can be sure of."""
    value, mantissa = float(text), text.lower().partition("e")[0]
    digits = mantissa.replace(".", "").strip("0")
    if 0 < value < TINY:
        return len(digits) > 1
    return len(digits) > DIGITS and not is_binary(text)


def is_binary(text: str) -> bool:
    """Whether a float is a whole number below 2**16 over a power of two, to its last digit."""
    fraction, exponent = math.frexp(float(text))
    nearest = math.ldexp(round(fraction * 2**16), exponent - 16)
    last = Decimal(text).as_tuple().exponent
    return abs(Decimal(nearest) - Decimal(text)) <= Decimal(f"0.5e{last}")


def unchecked(cell: Any) -> set[str]:
    """The marks of one cell that make nbval look away."""
    comments = (line.strip() for line in cell.source.splitlines())
    named = {
        line.lstrip("#").strip().lower().replace("_", "-")
        for line in comments
        if line.startswith("#")
    }
    return (named | set(cell.metadata.get("tags", []))) & UNCHECKED


def headings(source: str) -> list[str]:
    """The H1 headings of a markdown cell; a `#` in a fenced block is none."""
    found, fenced = [], False
    for line in source.splitlines():
        fenced ^= line.lstrip().startswith(("```", "~~~"))
        if line.startswith("# ") and not fenced:
            found.append(line[2:].strip())
    return found
