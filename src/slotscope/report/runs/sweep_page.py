"""The report of a sweep as one page of HTML that needs nothing else.

The page answers from the top down: how many runs did what, what went wrong and where, what the
results look like over the grid, then every run. The table, whose columns ``page_table.py`` chooses,
is plain HTML; DataTables, which travels inside of the page, makes it sortable and filterable.
"""

from __future__ import annotations

import functools
import math
import os
import warnings
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from slotscope.files import whole
from slotscope.report.page_templates import rendered
from slotscope.report.results.as_text import brief, cut, printable
from slotscope.report.results.encoding import as_base64
from slotscope.report.runs.failures import failures
from slotscope.report.runs.figure_axes import Grid, grid_of
from slotscope.report.runs.figures import figures
from slotscope.report.runs.finished_run import FinishedRun
from slotscope.report.runs.folder import SweepFolder
from slotscope.report.runs.page_table import columns_of, elsewhere
from slotscope.sweep.run_records import DONE, FAILED

#: At most this many different errors are shown, each with this many of its runs.
_FAILURES, _LINKS = 20, 12


def write(sweep: SweepFolder, out: Path) -> tuple[str, ...]:
    """Write the page of a sweep; it appears whole or not at all, and lacks nothing.

    Args:
        sweep: as :func:`~slotscope.report.runs.folder.scan` found it.
        out: path of the page. Its links are relative: move it together with the folder.
    """
    text = page(sweep, out.parent)
    with whole(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return ()


def page(sweep: SweepFolder, place: Path) -> str:
    """The page, as it stands in the folder ``place``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of glyphs and limits, from NumPy and matplotlib
        return printable(_page(sweep, place))


def _page(sweep: SweepFolder, place: Path) -> str:
    runs = sweep.runs
    headline, tone = headline_of(sweep)
    grid = grid_of(runs)
    ordered = sorted(runs, key=lambda run: (run.status != FAILED, run.number))
    shown, same = columns_of(ordered, grid)
    same_versions, differing = _versions(runs)
    drawn, undrawn = figures(runs, grid)
    return rendered(
        "runs.html.jinja",
        cut=cut,
        duration=_duration,
        title=sweep.notebook or "A sweep",
        runs=ordered,
        failed=sum(run.status == FAILED for run in runs),
        started=_minute(min(run.started for run in runs)),
        ended=_minute(max(run.started + timedelta(seconds=run.seconds) for run in runs)),
        seconds=sum(run.seconds for run in runs),
        versions=same_versions,
        differing=differing,
        headline=headline,
        tone=tone,
        notes=sweep.notes,
        warning=sweep.warning,
        failures=failures(runs, grid.varying),
        failures_shown=_FAILURES,
        links_shown=_LINKS,
        figures=drawn,
        undrawn=undrawn,
        columns=shown,
        same=same,
        elsewhere=elsewhere(runs),
        mute=_mute(runs),
        partly=not all(run.results for run in runs),
        link=functools.partial(_link, place),
        about=functools.partial(_about, grid),
        library=_library(),
    )


def headline_of(sweep: SweepFolder) -> tuple[str, str]:
    """What became of the runs, and whether that is ``good``, ``bad`` or, as yet, neither."""
    asked, failed = sweep.asked, sum(run.status == FAILED for run in sweep.runs)
    done = len(sweep.runs) - failed
    if asked in (done, failed):
        what = "failed" if failed else "done"
        one, all_ = {"failed": ("failed", "failed"), "done": ("is done", "are done")}[what]
        text = f"The run {one}." if asked == 1 else f"All {asked} runs {all_}."
        return text, "bad" if failed else "" if sweep.outdated else "good"
    parts = [f"{done} of {asked} runs {'is' if done == 1 else 'are'} done"]
    if failed:
        parts = [f"{failed} of {asked} runs failed", f"{done} {'is' if done == 1 else 'are'} done"]
    if sweep.missing:
        parts.append(f"{sweep.missing} {'has' if sweep.missing == 1 else 'have'} not run")
    if sweep.damaged:
        parts.append(f"{len(sweep.damaged)} cannot be read")
    return ", ".join(parts) + ".", "bad" if failed else ""


@functools.cache
def _library() -> dict[str, str]:
    """Script and style of DataTables, as itables brings them, base64."""
    from itables.options import dt_bundle

    script = Path(dt_bundle)
    return {
        "script": as_base64(script.read_bytes()),
        "style": as_base64(script.with_suffix(".css").read_bytes()),
    }


def _link(place: Path, run: FinishedRun) -> str:
    """Where the run's notebook is, seen from the page; empty if there is none."""
    if not run.notebook.is_file():
        return ""
    relative = os.path.relpath(run.notebook.resolve(), place.resolve())
    return quote(Path(relative).as_posix())


def _mute(runs: Sequence[FinishedRun]) -> bool:
    """Whether the notebook is to the end without a result."""
    return any(run.status == DONE for run in runs) and not any(run.results for run in runs)


def _about(grid: Grid, run: FinishedRun) -> str:
    """The parameters by which a run differs from the others."""
    pairs = (f"{name} {brief(run.setting(name))}" for name in grid.varying)
    return cut(", ".join(pairs), 200) or f"run {run.number}"


def _versions(runs: Sequence[FinishedRun]) -> tuple[list[str], list[str]]:
    """What was installed, with every version that a run had: what is the same, and what isn't."""
    found: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, version in run.dependencies.versions.items():
            found.setdefault(name, {})[version] = None
    same = [f"{name} {version}" for name, (version, *more) in found.items() if not more]
    differ = [f"{name} {' and '.join(v)}" for name, v in found.items() if len(v) > 1]
    return same, differ


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"


def _duration(seconds: float) -> str:
    """So many seconds, in the unit that a person would choose."""
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (math.inf, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.3g} {name}"
    return ""
