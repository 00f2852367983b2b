"""Where the templates of pages are, and what they may do."""

from __future__ import annotations

from typing import Any


def environment(**names: Any) -> Any:
    """Jinja's environment, whose templates know ``names``, and nothing that is not given."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("slotscope.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.globals |= names
    return made
