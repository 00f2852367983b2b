"""Write the pages of docs/findings/ from their records: `python -m tools.findings`.

A record is a TOML file beside its page. Its fields: title; promise (what is promised, and where);
happens; reproduction (at most 15 lines of code that need only Keras) and prints (what they print);
engines; versions; bad (how bad it is). Which checks find it is read from the known differences.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from slotscope.checks.data.known_differences import differences

FOLDER = Path(__file__).parents[1] / "docs" / "findings"

PAGE = """# {title}

| | |
|---|---|
| Engines | {engines} |
| Versions | {versions} |
| Found by | {checks} |

**What is promised.** {promise}

**What happens.** {happens}

```python
{reproduction}```

prints

```text
{prints}```

**How bad.** {bad}
"""

INDEX = """# Findings

What the checks and the notebooks have found in the releases that slotscope is pinned to. Each page
has a reproduction that needs only Keras, and a test runs it and compares what it prints, so a
release that mends one is noticed.

| finding | engines |
|---|---|
{rows}

```{{toctree}}
:hidden:

{slugs}
```
"""


@dataclass(frozen=True)
class Finding:
    """One record; its fields are those of the file, `slug` is the file's name."""

    slug: str
    title: str
    promise: str
    happens: str
    reproduction: str
    prints: str
    engines: list[str]
    versions: list[str]
    bad: str

    @property
    def checks(self) -> list[str]:
        """The checks that find it; none where a notebook does."""
        own = [d.check for d in differences() if d.page == f"findings/{self.slug}.md"]
        return sorted({check.partition("[")[0].rstrip("*") for check in own})

    @property
    def page(self) -> str:
        """The page, in Markdown."""
        return PAGE.format(
            title=self.title,
            engines=_code(self.engines),
            versions=", ".join(self.versions),
            checks=_code(self.checks) or "the notebooks",
            promise=self.promise.strip(),
            happens=self.happens.strip(),
            reproduction=self.reproduction,
            prints=self.prints,
            bad=self.bad.strip(),
        )


def _code(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def findings() -> list[Finding]:
    """Every finding, in order of their file names."""
    files = sorted(FOLDER.glob("*.toml"))
    return [Finding(slug=f.stem, **tomllib.loads(f.read_text("utf-8"))) for f in files]


def index(found: list[Finding]) -> str:
    """The page that lists them."""
    rows = [f"| [{f.title}]({f.slug}.md) | {_code(f.engines)} |" for f in found]
    return INDEX.format(rows="\n".join(rows), slugs="\n".join(f.slug for f in found))


def pages() -> dict[Path, str]:
    """What each page should be, by its path."""
    found = findings()
    made = {FOLDER / f"{finding.slug}.md": finding.page for finding in found}
    return {FOLDER / "index.md": index(found), **made}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, "utf-8")
