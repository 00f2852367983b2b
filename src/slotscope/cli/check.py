"""``slotscope check``: hold an optimizer, or every built-in one, to the checks."""

from __future__ import annotations

import ast
import contextlib
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slotscope.cli.format_options import asked_formats, format_options
from slotscope.report.checks import formats
from slotscope.report.checks.formats import FORMATS

if TYPE_CHECKING:
    from slotscope.checking.request import Request
    from slotscope.report.checks.checks_report import Report
    from slotscope.report.formats import Format

#: Exit codes: nothing violated, something violated, bad usage, nothing violated but something
#: undecided, and what a shell has for Ctrl-C.
HOLDS, VIOLATED, BAD_USAGE, UNDECIDED, INTERRUPTED = 0, 1, 2, 3, 130


class Setting(click.ParamType):
    """``name=value``, the value a Python literal or else a text."""

    name = "NAME=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        name, sign, text = str(value).partition("=")
        if not sign or not name.isidentifier():
            self.fail(f"{value!r} is not name=value, as in learning_rate=0.01", param, ctx)
        try:
            return name, ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return name, text


#: By their files: to import them takes NumPy and pandas, which help needs neither of.
_THEMES = sorted(p.stem for p in (Path(__file__).parents[1] / "checks/themes").glob("[a-z]*.py"))


def _time_limit() -> float:
    from slotscope.processes.limits import TIME_LIMIT

    return TIME_LIMIT


@click.command("check")
@click.argument("target", required=False)
@click.option(
    "--list", "listing", is_flag=True, help="List the checks, all or those of --theme and -k."
)
@click.option("--engine", default="", help="Where it runs; `slotscope engines` lists them.")
@click.option(
    "--set", "settings", type=Setting(), multiple=True, help="An argument of the constructor."
)
@click.option(
    "--reference", default="", metavar="MODULE:NAME", help="Its rule, a function in NumPy."
)
@click.option(
    "--expected-failures",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='A file of lines "check_name[case]" = "why it fails".',
)
@click.option("--only", multiple=True, metavar="CHECK", help="A check, or check[case].")
@click.option(
    "--theme", "themes", multiple=True, help=f"Only checks of a theme: {', '.join(_THEMES)}."
)
@click.option("-k", "keyword", default="", help="Only checks whose name contains this text.")
@click.option("--quick", is_flag=True, help="Only the quick set: a few seconds.")
@click.option("--strict", is_flag=True, help="A warning is as bad as a violation: exit code 1.")
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0, min_open=True),
    default=_time_limit,
    # The numbers of slotscope.processes.limits, whose import takes NumPy; a test compares them.
    help="Seconds of processor time for one check (60); loading may use three times as much, and at"
    " least 180.",
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1),
    default=min(2, os.cpu_count() or 1),
    show_default=True,
    help="Processes that share the checks.",
)
@format_options(FORMATS, writable=True)
@click.pass_context
def check(
    context: click.Context,
    /,
    target: str | None,
    listing: bool,
    expected_failures: Path | None,
    jobs: int,
    strict: bool,
    **asked: Any,
) -> None:
    """Hold an optimizer to what every optimizer promises.

    TARGET is package.module:MyOptimizer (a class, an instance, or a function that makes one; also
    path/to/file.py:MyOptimizer), the name of a built-in optimizer (Adam), or `all`, for every
    built-in of the engine. The checks run in processes of their own.

    The exit code is 0 if nothing is violated, 1 if something is (with --strict, also after a
    warning), 2 if the question makes no sense, 3 if nothing is violated but something is undecided,
    as it could not be prepared.
    """
    from slotscope.checking.request import Request
    from slotscope.errors import SlotscopeError

    if listing:
        return click.echo(_list(asked["themes"], asked["keyword"], context))
    if target is None:
        raise click.UsageError("Missing argument 'TARGET'.", context)
    files = asked_formats(FORMATS, asked)
    request = Request(target, **asked)
    try:
        known = read_expected_failures(expected_failures) if expected_failures else {}
        reports, code = run(request, known, jobs, strict)
    except SlotscopeError as error:
        raise click.UsageError(str(error), context) from error
    write(reports, files)
    interrupted = any(report.missing for report in reports)
    codes = [code, *(report.exit_code for report in reports)]
    context.exit(INTERRUPTED if interrupted else worst(codes))


def _list(themes: Sequence[str], keyword: str, context: click.Context) -> str:
    from slotscope.checks.selection import checks
    from slotscope.errors import BadCheckArgumentError
    from slotscope.report.checks.catalogue import listed

    try:
        return listed([check for check in checks(themes) if keyword in check.name])
    except BadCheckArgumentError as error:
        raise click.UsageError(str(error), context) from error


def worst(codes: Iterable[int]) -> int:
    """The exit code of several runs: of one that violates or makes no sense before an undecided."""
    return min((code for code in codes if code), default=HOLDS)


def read_expected_failures(path: Path) -> dict[str, Any]:
    """What the file says: {check: reason}, and tables of the same by the optimizer's name.

    Raises:
        BadCheckArgumentError: it is not TOML.
    """
    from slotscope.errors import BadCheckArgumentError

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadCheckArgumentError(f"{path} is not TOML: {error}") from error


def expected_of(known: Mapping[str, Any], optimizer: str) -> dict[str, str]:
    """What ``known`` says of one optimizer."""
    everywhere = {name: reason for name, reason in known.items() if not isinstance(reason, dict)}
    return {**everywhere, **known.get(optimizer, {})}


def run(
    request: Request, known: Mapping[str, Any], jobs: int, strict: bool
) -> tuple[list[Report], int]:
    """The report of every optimizer that ``request`` is about, printed as they come; an exit code.

    The code is of loading alone: 3 where one could not be loaded, whose checks are undecided then.

    Raises:
        SlotscopeError: the request cannot be met.
    """
    from rich.console import Console
    from rich.text import Text

    from slotscope.checking import isolated
    from slotscope.checking.assembling import collect
    from slotscope.processes.limits import NotReadyError
    from slotscope.processes.worker import LimitError, Worker
    from slotscope.report.checks.terminal import display, print_summary

    console = Console(highlight=False)
    reports: list[Report] = []
    code = HOLDS
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(Worker()) for _ in range(jobs)]
        try:
            for one in _each(request, processes[0]):
                with console.status(f"Loading {one.target}"):  # a framework takes its time
                    plan = isolated.loaded(processes[0], one, isolated.describe)
                outcomes = isolated.run_isolated(processes, one, plan)
                expected = expected_of(known, plan.optimizer)
                shown = display(True, console)
                reports.append(collect(plan, outcomes, expected, shown, strict))
                if reports[-1].missing:
                    break
        except NotReadyError as error:
            if not isinstance(error.__cause__, LimitError):
                raise _unusable(request, error) from None
            console.print(Text(f"Undecided: {error}"), soft_wrap=True)
            code = UNDECIDED
        except KeyboardInterrupt:  # while the framework was being imported
            raise click.exceptions.Exit(INTERRUPTED) from None
    if len(reports) > 1:
        print_summary(reports, console)
    return reports, code


def _each(request: Request, process: Any) -> Sequence[Request]:
    from slotscope.checking import isolated
    from slotscope.errors import BadCheckArgumentError

    if request.target != "all":
        return [request]
    if not request.engine:
        raise BadCheckArgumentError("`all` is every built-in of one engine: --engine keras-jax.")
    return [request.named(name) for name in isolated.loaded(process, request, isolated.builtins)]


def _unusable(request: Request, error: Exception) -> Exception:
    from slotscope.errors import BadCheckArgumentError

    written = getattr(error.__cause__, "written", "")
    return BadCheckArgumentError(
        f"{request.target} could not be loaded: {error}" + (f"\n{written}" if written else "")
    )


def write(reports: Sequence[Report], files: Mapping[Format, Path]) -> None:
    """Write the files that were asked for, and say so."""
    for format, path in files.items():
        formats.write(reports, format, path)
        click.echo(f"written: {path}")
