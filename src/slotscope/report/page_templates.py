"""Where the templates of pages are, and what they may do."""

from __future__ import annotations

from importlib import metadata
from typing import Any


def rendered(template: str, **names: Any) -> str:
    """A template's text; it and what it imports know ``names``, the version, and nothing else."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("slotscope.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals |= {"version": metadata.version("slotscope"), **names}
    text: str = environment.get_template(template).render()
    return text
