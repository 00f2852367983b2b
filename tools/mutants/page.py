"""The record of the last hunt, docs/mutants.json, and the page that is made from it."""

from __future__ import annotations

import collections
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from slotscope.checks.selection import checks
from slotscope.engines import ENGINES
from tools.mutants.hunt import KILLED, SURVIVED, Result
from tools.mutants.table import Mutant, mutants

RECORD = Path(__file__).parents[2] / "docs" / "mutants.json"
PAGE = RECORD.with_suffix(".md")

EQUIVALENT = "equivalent"

_PAGE = """# What the checks see

A check is worth what it catches. So the suite breaks Keras's own optimizers and their base classes,
one place at a time, while it runs: a sign, the place of epsilon, a slot that is not saved, a guard
that is gone. Each of these *mutants* must be caught by a check that holds without it. This page is
made from the last run of `nox -s mutants`.

| engine | mutants | caught | equivalent | not caught |
|---|---|---|---|---|
{engines}

Which themes caught them first (a mutant is let go as soon as one check has caught it):
{themes}.

## Mutants that no check can catch

They change the text of a method and not what it does; each says why. One that is caught all the
same fails the run.

{equivalent}

## All of them

{all}
"""


def read() -> dict[str, Any]:
    """The record: by id of the mutant, its optimizer, sentence, fate, and what killed it."""
    known: dict[str, Any] = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
    return known


def write(results: Iterable[Result]) -> None:
    """Bring record and page up to date with ``results``; mutants that no longer exist go."""
    record, new = read(), {r.mutant.id: _entry(r) for r in results}
    merged = {m.id: found for m in mutants() if (found := new.get(m.id) or record.get(m.id))}
    RECORD.write_text(json.dumps(merged, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(page(merged), "utf-8")


def _entry(result: Result) -> dict[str, str]:
    mutant = result.mutant
    alive = result.fate == SURVIVED and mutant.equivalent
    return {
        "optimizer": mutant.optimizer,
        "sentence": mutant.sentence,
        "fate": EQUIVALENT if alive else result.fate,
        "by": result.by,
    }


def page(record: dict[str, Any]) -> str:
    """The page that ``record`` makes."""
    known = [mutant for mutant in mutants() if mutant.id in record]
    equivalent = [m for m in known if record[m.id]["fate"] == EQUIVALENT]
    return _PAGE.format(
        engines="\n".join(_counted(record, known)),
        themes=", ".join(f"{name} {count}" for name, count in _themes(record)),
        equivalent="\n".join(f"- `{_short(m)}` on {m.engine}: {m.sentence}." for m in equivalent),
        all="\n\n".join(_listed(record, known, engine) for engine in ENGINES),
    )


def _counted(record: dict[str, Any], known: list[Mutant]) -> Iterator[str]:
    for engine in (*ENGINES, "all"):
        fates = collections.Counter(
            record[m.id]["fate"] for m in known if engine in (m.engine, "all")
        )
        caught, same = fates[KILLED], fates[EQUIVALENT]
        total = fates.total()
        yield f"| {engine} | {total} | {caught} | {same} | {total - caught - same} |"


def _themes(record: dict[str, Any]) -> list[tuple[str, int]]:
    theme = {check.name: check.theme for check in checks()}
    caught = [entry["by"].partition("[")[0] for entry in record.values() if entry["by"]]
    return collections.Counter(theme[name] for name in caught if name in theme).most_common()


def _listed(record: dict[str, Any], known: list[Mutant], engine: str) -> str:
    rows = [
        f"| `{_short(m)}` | {m.sentence} | {_by(record[m.id])} |"
        for m in known
        if m.engine == engine
    ]
    head = [f"### {engine}", "", "| where | what is wrong | caught by |", "|---|---|---|"]
    return "\n".join([*head, *rows])


def _short(mutant: Mutant) -> str:
    """``Class.method`` of the mutant's place."""
    return mutant.place.partition(":")[2]


def _by(entry: dict[str, Any]) -> str:
    return f"`{entry['by']}`" if entry["by"] else entry["fate"]
