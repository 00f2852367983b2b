"""The command: see the package's docstring."""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from slotscope.engines import ENGINES
from tools.mutants.hunt import KILLED, STOPPED, SURVIVED, Result, hunt
from tools.mutants.table import Mutant, mutants

RECORD = Path(__file__).parents[2] / "docs" / "mutants.json"

#: Seconds that one mutant may take, all checks together.
LIMIT = 600.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Hunt what was asked for; 0 where every mutant is killed, or equivalent and alive."""
    given = _parser().parse_args(arguments)
    record = _read()
    chosen = [m for m in mutants() if _is_chosen(m, given, record)]
    if not chosen:
        print("No mutant is left by this selection.")
        return 2
    start = time.perf_counter()
    results = _hunted(chosen, {} if given.fresh else record)
    if given.record:
        _write(record, results)
    _tell(results, time.perf_counter() - start)
    return 1 if any(result.problem for result in results) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nox -s mutants --", description="Hunt the mutants.")
    parser.add_argument("engines", nargs="*", choices=[[], *ENGINES], help="by default all")
    parser.add_argument("-k", dest="text", default="", help="a text that the id contains")
    parser.add_argument("--survivors", action="store_true", help="those not killed last time")
    parser.add_argument("--fresh", action="store_true", help="forget what killed them last time")
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    return parser


def _is_chosen(mutant: Mutant, given: argparse.Namespace, record: dict[str, Any]) -> bool:
    known = record.get(mutant.id, {}).get("fate")
    wanted = not given.survivors or known != KILLED
    return given.text in mutant.id and wanted and mutant.engine in (given.engines or ENGINES)


def _hunted(chosen: list[Mutant], record: dict[str, Any]) -> list[Result]:
    """The results, in the table's order: one process an engine, two of them at a time."""
    of_engine: dict[str, list[Mutant]] = collections.defaultdict(list)
    for mutant in chosen:
        of_engine[mutant.engine].append(mutant)
    results: dict[str, Result] = {}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        longest_first = sorted(of_engine.values(), key=len, reverse=True)
        waiting = [pool.submit(list, _of_engine(group, record)) for group in longest_first]
        for future in concurrent.futures.as_completed(waiting):
            results |= {result.mutant.id: result for result in future.result()}
    return [results[mutant.id] for mutant in chosen]


def _of_engine(group: list[Mutant], record: dict[str, Any]) -> Iterator[Result]:
    import loky

    worker = loky.ProcessPoolExecutor(max_workers=1, timeout=LIMIT)
    for mutant in group:
        hint = record.get(mutant.id, {}).get("by", "")
        try:
            result = worker.submit(hunt, mutant, hint).result(LIMIT)
        except concurrent.futures.TimeoutError:
            result = Result(mutant, STOPPED, reason=f"no end after {LIMIT:.0f} s", seconds=LIMIT)
            worker.shutdown(kill_workers=True)
            worker = loky.ProcessPoolExecutor(max_workers=1, timeout=LIMIT)
        print(f"{result.seconds:6.1f} s  {result.fate:9} {mutant.id}  {result.by}", flush=True)
        yield result
    worker.shutdown(kill_workers=True)


def _tell(results: list[Result], seconds: float) -> None:
    for result in results:
        if result.problem:
            mutant = result.mutant
            print(f"\n{result.problem.upper()}: {mutant.id} ({mutant.optimizer})")
            print(f"  {mutant.sentence}\n  {result.by} {result.reason}".rstrip())
    of_engine = collections.Counter(result.mutant.engine for result in results)
    print("\n" + ", ".join(f"{name} {of_engine[name]}" for name in ENGINES if of_engine[name]))
    fates = collections.Counter(result.fate for result in results)
    equivalent = sum(r.fate == SURVIVED and r.mutant.equivalent for r in results)
    print(
        f"{len(results)} mutants: {fates[KILLED]} killed, {equivalent} equivalent,"
        f" {fates[SURVIVED] - equivalent} survived,"
        f" {len(results) - fates[KILLED] - fates[SURVIVED]} not decided; {seconds:.0f} s"
    )


def _read() -> dict[str, Any]:
    known: dict[str, Any] = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
    return known


def _write(record: dict[str, Any], results: list[Result]) -> None:
    """Bring the record up to date with ``results``; mutants that no longer exist go."""
    new = {
        r.mutant.id: {
            "optimizer": r.mutant.optimizer,
            "sentence": r.mutant.sentence,
            "fate": "equivalent" if r.fate == SURVIVED and r.mutant.equivalent else r.fate,
            "by": r.by,
        }
        for r in results
    }
    merged = {m.id: found for m in mutants() if (found := new.get(m.id) or record.get(m.id))}
    RECORD.write_text(json.dumps(merged, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
