"""The page of what was measured, and its figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader

from benchmarks import peers, watching
from slotscope.engines import ENGINES

#: What a variant may cost in CPU time, by size of the model.
TARGETS = {
    "norms": {"10 k": 1.10, "1 M": 1.08, "20 M": 1.08},
    "norms, every 10th": {"10 k": 1.02, "1 M": 1.02, "20 M": 1.02},
    "statistics": {"10 k": 1.20, "1 M": 1.15, "20 M": 1.20},
}
SIZES = tuple(size.name for size in watching.SIZES)


def write(found: dict[str, Any], folder: Path) -> None:
    """Write the page beside ``folder``, and the figure into it."""
    ratios = [ratio for engine in found["engines"].values() for ratio in engine["ratios"]]
    table = pd.DataFrame(ratios).set_index(["engine", "size", "variant"])
    here = set(table.index.unique("variant"))
    columns = [name for name in (*TARGETS, *peers.PEERS, watching.FLOOR) if name in here]
    versions = {k: v for e in found["engines"].values() for k, v in e["versions"].items()}
    text = (
        Environment(loader=FileSystemLoader(Path(__file__).parent), keep_trailing_newline=True)
        .get_template("page.md.jinja")
        .render(
            rounds=int(table["rounds"].min()),
            machine=found["machine"],
            versions=", ".join(f"{name} {version}" for name, version in versions.items()),
            sizes=SIZES,
            columns=columns,
            engines=[name for name in ENGINES if name in found["engines"]],
            target=lambda column, size: TARGETS.get(column, {}).get(size, "-"),
            cell=lambda *key: _cell(table, *key),
        )
    )
    folder.with_suffix(".md").write_text(text, "utf-8")
    _draw(table, columns, folder / "watching.svg")


def _cell(table: pd.DataFrame, engine: str, size: str, column: str) -> str:
    if (engine, size, column) not in table.index:
        return "-"
    row = table.loc[(engine, size, column)]
    low, high = row["cpu_quartiles"]
    missed = row["cpu"] > TARGETS.get(column, {}).get(size, float("inf"))
    number = f"**{row['cpu']:.2f}**" if missed else f"{row['cpu']:.2f}"
    return f"{number} ({low:.2f} to {high:.2f})"


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
