"""The command: see the package's docstring."""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import contextlib
import queue
import sys
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

from slotscope.engines import ENGINES
from slotscope.processes.limits import processor_time
from slotscope.processes.worker import LimitError, Worker
from tools.mutants import page
from tools.mutants.hunt import KILLED, LIMIT, STOPPED, SURVIVED, Result, hunt
from tools.mutants.table import Mutant, mutants

#: Seconds of processor time without a sign after which a mutant that reacts to nothing is ended.
GRACE = 120.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Hunt what was asked for; 0 if every mutant is killed, or equivalent and alive."""
    given = _parser().parse_args(arguments)
    record = page.read()
    chosen = [m for m in mutants() if _is_chosen(m, given, record)]
    if not chosen:
        print("No mutant is left by this selection.")
        return 2
    start, results = time.perf_counter(), []
    hunted = _hunted(chosen, {} if given.fresh else record, given.limit)
    with contextlib.closing(hunted):
        for result in hunted:
            what = f"{result.seconds:6.1f} s  {result.fate:9} {result.mutant.id}  {result.by}"
            print(what, flush=True)
            results.append(result)
            if given.record:
                page.write([result])
    _tell(results, time.perf_counter() - start)
    return 1 if any(result.problem for result in results) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nox -s mutants --", description="Hunt the mutants.")
    parser.add_argument("engines", nargs="*", choices=[[], *ENGINES], help="by default all")
    parser.add_argument("-k", dest="text", default="", help="a text that the id contains")
    parser.add_argument("--survivors", action="store_true", help="those not killed last time")
    parser.add_argument("--fresh", action="store_true", help="forget what killed them last time")
    parser.add_argument("--record", action="store_true", help="write docs/mutants.json and .md")
    parser.add_argument(
        "--limit", type=float, default=LIMIT, help="seconds of processor time for one mutant"
    )
    return parser


def _is_chosen(mutant: Mutant, given: argparse.Namespace, record: dict[str, Any]) -> bool:
    known = record.get(mutant.id, {}).get("fate")
    wanted = not given.survivors or known not in (KILLED, page.EQUIVALENT)
    return given.text in mutant.id and wanted and mutant.engine in (given.engines or ENGINES)


def _hunted(
    chosen: list[Mutant], record: dict[str, Any], limit: float
) -> Generator[Result, None, None]:
    """The results, as they come: one process an engine, two of them at a time."""
    of_engine: dict[str, list[Mutant]] = collections.defaultdict(list)
    for mutant in chosen:
        of_engine[mutant.engine].append(mutant)
    done: queue.SimpleQueue[Result | Exception] = queue.SimpleQueue()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        groups = sorted(of_engine.values(), key=len, reverse=True)
        for group in groups:
            pool.submit(_of_engine, group, record, limit, done.put)
        try:
            for _ in chosen:
                result = done.get()
                if isinstance(result, Exception):
                    raise result
                yield result
        finally:  # nobody waits for what is left
            for group in groups:
                group.clear()


def _of_engine(
    group: list[Mutant],
    record: dict[str, Any],
    limit: float,
    tell: Callable[[Result | Exception], None],
) -> None:
    # Not loky, which starts a process anew as it grows, and a framework with it.
    with Worker() as worker:
        while group:
            mutant = group.pop(0)
            hint = record.get(mutant.id, {}).get("by", "")
            try:
                tell(worker.ask(processor_time(GRACE), hunt, mutant, hint, limit))
            except LimitError as silent:
                tell(Result(mutant, STOPPED, reason=str(silent), seconds=GRACE))
            except Exception as error:
                tell(error)
                break


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


if __name__ == "__main__":
    sys.exit(main())
