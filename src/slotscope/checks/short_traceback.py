"""A traceback, shortened to what its reader can act on."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from slotscope.processes import limits

_OWN = str(Path(__file__).parents[1])
_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})

#: Frames that are shown at the end, whoever's they are.
_LAST = 2


def shortened(error: BaseException) -> str:
    """The traceback of ``error``: the check, the optimizer's own lines, and where it was raised.

    What lies between in frameworks is one line that says how much it is.
    """
    extracted = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in extracted if frame.filename != limits.__file__]
    lines = ["Traceback (most recent call last):\n", *_lines(frames)]
    return "".join([*lines, *traceback.format_exception_only(error)]).rstrip()


def _lines(frames: Sequence[traceback.FrameSummary]) -> Iterator[str]:
    own = [number for number, frame in enumerate(frames) if frame.filename.startswith(_OWN)]
    check = own[-1] if own else 0
    left_out: list[str] = []
    for number, frame in enumerate(frames):
        if number < check and not _is_check(frame):
            continue
        if number >= len(frames) - _LAST or _is_check(frame) or _is_written_here(frame):
            yield from _summary(left_out)
            left_out = []
            yield from traceback.format_list([frame])
        else:
            left_out.append(_package(frame.filename))
    yield from _summary(left_out)


def _is_check(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith(_OWN) and frame.name.startswith("check_")


def _is_written_here(frame: traceback.FrameSummary) -> bool:
    """Whether it is neither installed nor of this package, and so the optimizer's own."""
    return not frame.filename.startswith("<") and not is_installed(frame.filename)


def is_installed(filename: str) -> bool:
    """Whether a file is of this package, of another one that is installed, or of Python."""
    return filename.startswith((_OWN, *_INSTALLED))


def _package(filename: str) -> str:
    for place in _INSTALLED:
        if filename.startswith(place):
            parts = Path(filename).relative_to(place).parts
            return parts[1] if parts[0] == "site-packages" else parts[0].removesuffix(".py")
    return "slotscope" if filename.startswith(_OWN) else filename


def _summary(packages: list[str]) -> Iterator[str]:
    if packages:
        named = ", ".join(dict.fromkeys(packages))
        plural = "s" if len(packages) > 1 else ""
        yield f"  ... {len(packages)} frame{plural} in {named} ...\n"
