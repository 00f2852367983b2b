"""The page of what was measured, and its figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader

from benchmarks import peers, watching
from slotscope.engines import ENGINES

#: What a variant may cost in CPU time, by size of the model.
TARGETS = {
    "default": {"10 k": 1.15, "1 M": 1.08, "20 M": 1.08},
    "norms": {"10 k": 1.10, "1 M": 1.08, "20 M": 1.08},
    "norms, every 10th": {"10 k": 1.02, "1 M": 1.02, "20 M": 1.02},
    "statistics": {"10 k": 1.20, "1 M": 1.15, "20 M": 1.20},
}
#: Of the page, in this order; a file of numbers and a template for each.
PARTS = ("watching", "kernels", "starting")
TEMPLATES = Path(__file__).parent / "pages"
SIZES = tuple(size.name for size in watching.SIZES)


def write(folder: Path) -> None:
    """Write the page beside ``folder`` of what is in its files, and the figure into it.

    A part that was never measured is not on the page.
    """
    environment = Environment(loader=FileSystemLoader(TEMPLATES), keep_trailing_newline=True)
    environment.filters |= {"marked": _marked, "spread": _spread}
    text = environment.get_template("head.md.jinja").render()
    for part in PARTS:
        file = folder / f"{part}.json"
        if file.exists():
            found = json.loads(file.read_text("utf-8"))
            if part == "watching" and not found.get("engines"):
                continue  # an accelerator's alone
            shown = _watching(found, folder) if part == "watching" else found
            text += environment.get_template(f"{part}.md.jinja").render(shown)
    folder.with_suffix(".md").write_text(text, "utf-8")


def _marked(value: float, target: float | None = None) -> str:
    """A number, in bold where it misses its target."""
    return f"**{value:.2f}**" if target is not None and value > target else f"{value:.2f}"


def _spread(ends: tuple[float, float]) -> str:
    """What stands behind a median."""
    low, high = ends
    return f"({low:.2f} to {high:.2f})"


def _watching(found: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What the page says of watching."""
    table, columns = _table(found["engines"])
    _draw(table, columns, folder / "watching.svg")
    return {
        "rounds": int(table["rounds"].min()),
        "machine": found["machine"],
        "versions": _versions(found["engines"]),
        "sizes": SIZES,
        "columns": columns,
        "engines": [name for name in ENGINES if name in found["engines"]],
        "target": lambda column, size: TARGETS.get(column, {}).get(size, "-"),
        "cell": lambda *key: _cell(table, *key),
        "accelerators": [
            {"name": name, **one, **_on_accelerator(one["engines"])}
            for name, one in found.get("accelerators", {}).items()
        ],
    }


def _table(engines: dict[str, Any]) -> tuple[pd.DataFrame, list[str]]:
    """Every ratio, and the variants in the order of the page."""
    ratios = [ratio for engine in engines.values() for ratio in engine["ratios"]]
    table = pd.DataFrame(ratios).set_index(["engine", "size", "variant"])
    here = set(table.index.unique("variant"))
    return table, [name for name in (*TARGETS, *peers.PEERS, watching.FLOOR) if name in here]


def _versions(engines: dict[str, Any]) -> str:
    found = {pair: None for engine in engines.values() for pair in engine["versions"].items()}
    return ", ".join(f"{name} {version}" for name, version in sorted(found))


def _on_accelerator(engines: dict[str, Any]) -> dict[str, Any]:
    """What the page says of one accelerator."""
    table, columns = _table(engines)
    return {
        "columns": columns,
        "versions": _versions(engines),
        "rounds": int(table["rounds"].min()),
        "rows": [
            [engine, size, *(_cell(table, engine, size, column, "wall") for column in columns)]
            for engine in engines
            for size in SIZES
        ],
    }


def _cell(table: pd.DataFrame, engine: str, size: str, column: str, time: str = "cpu") -> str:
    if (engine, size, column) not in table.index:
        return "-"
    row = table.loc[(engine, size, column)]
    number = _marked(row[time], TARGETS.get(column, {}).get(size))
    return f"{number} {_spread(row[f'{time}_quartiles'])}"


def _draw(table: pd.DataFrame, columns: list[str], path: Path) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "slotscope"
    figure = Figure(figsize=(9, 8), layout="constrained")
    for axes, size in zip(figure.subplots(len(SIZES), 1), SIZES, strict=True):
        wide = table["cpu"].unstack("variant").xs(size, level="size")
        wide = wide.reindex([name for name in ENGINES if name in wide.index])[columns]
        wide.plot.bar(ax=axes, rot=0, width=0.8, legend=size == SIZES[0])
        axes.axhline(1, color="black", linewidth=0.8)
        axes.set(title=f"{size} parameters", xlabel="", ylabel="of plain fit", ylim=(0.8, None))
    figure.savefig(path, metadata={"Date": None})
