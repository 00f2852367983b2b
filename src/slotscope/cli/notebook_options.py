"""What the commands about notebooks have in common: their options, and what is asked wrongly.

Parameters are typed as ``-p name value``, as for papermill, or as ``-p name=value``.
"""

from __future__ import annotations

import ast
import contextlib
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from slotscope.sweep.declared.checked_values import TypedText

PATH = click.Path(path_type=Path)
SECONDS = click.FloatRange(min=0, min_open=True)
FLAGS = ("-p", "--parameter")
#: What is an option, and no negative number.
_OPTION = re.compile(r"--|-[a-zA-Z]$")
_OPENING, _CLOSING, _QUOTES = "([{", ")]}", "'\""


@contextlib.contextmanager
def usage(context: click.Context) -> Iterator[None]:
    """Tell of what was asked for wrongly, and exit with 2."""
    from slotscope.errors import BadParametersError, SlotscopeError

    try:
        yield
    except BadParametersError as error:
        from rich.console import Console

        from slotscope.report.runs.sweep_in_terminal import print_parameters

        for mistake in error.mistakes:
            click.echo(f"Error: {mistake}", err=True)
        click.echo("\nThe notebook's parameters:\n", err=True)
        print_parameters(error.parameters, Console(stderr=True, highlight=False))
        context.exit(2)
    except SlotscopeError as error:
        raise click.UsageError(str(error), context) from error
    except ImportError as error:
        raise click.ClickException(
            f"{error.name} isn't installed. To mend it: python -m pip install slotscope[notebooks]"
        ) from error


class WithParameters(click.Command):
    """A command whose option ``-p`` takes a name and a value, in one word or in two."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """click's, after the two words of one parameter were made one."""
        return super().parse_args(ctx, _joined(args))


def _joined(words: Sequence[str]) -> list[str]:
    joined, rest = [], list(words)
    while rest:
        word = rest.pop(0)
        joined.append(word)
        if word == "--":
            return [*joined, *rest]
        if word in FLAGS and rest:
            name = rest.pop(0)
            follows = "=" not in name and rest and not _OPTION.match(rest[0])
            joined.append(f"{name}={rest.pop(0)}" if follows else name)
    return joined


class Given(click.ParamType):
    """``name=value``."""

    name = "NAME VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, TypedText]:
        """The name, and the text of the value."""
        name, sign, text = str(value).partition("=")
        if sign and name != name.strip() and name.strip().isidentifier():
            meant = f"{name.strip()}={shlex.quote(text.strip())}"
            self.fail(f"{value!r} has spaces around the sign. Write -p {meant}", param, ctx)
        if not sign or not name.isidentifier():
            self.fail(
                f"{value!r} is no parameter with its value, as in -p momentum 0.9", param, ctx
            )
        return name, TypedText(text)


def several(text: str) -> list[Any]:
    """The values in ``a,b,c``: commas within brackets or quotes part nothing."""
    values, begin, depth, quote = [], 0, 0, ""
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in _QUOTES and not text[begin:place].strip():
            quote = letter
        elif letter in _OPENING:
            depth += 1
        elif letter in _CLOSING:
            depth -= 1
        elif letter == "," and depth <= 0:
            values.append(text[begin:place])
            begin = place + 1
    return [_unquoted(value) for value in [*values, text[begin:]]]


def _unquoted(text: str) -> Any:
    stripped = text.strip()
    if stripped[:1] in _QUOTES and stripped[:1] == stripped[-1:] and len(stripped) > 1:
        try:
            return str(ast.literal_eval(stripped))
        except (ValueError, SyntaxError):
            pass
    return TypedText(stripped)
