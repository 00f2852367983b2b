"""Where the templates of pages are, and what they may do."""

from __future__ import annotations

import functools
from importlib import metadata
from typing import Any


def rendered(template: str, **names: Any) -> str:
    """A template's text; it knows ``names``, the version, and nothing else."""
    text: str = _environment().get_template(template).render(names)
    return text


@functools.cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("slotscope.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["version"] = metadata.version("slotscope")
    return environment
