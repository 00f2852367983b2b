"""What runs depend on besides the notebook: versions of what is installed, and slotscope's source.

Both are read from files; nothing is imported.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import slotscope
from slotscope.kernels.server.frameworks import FRAMEWORKS

#: Distributions whose version may change what a notebook computes or shows.
DISTRIBUTIONS = (
    *(name for framework in FRAMEWORKS for name in (framework.name, *framework.parts)),
    "h5py",
    "ml_dtypes",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "matplotlib",
    "ipykernel",
    "ipython",
    "nbclient",
    "nbformat",
    "papermill",
)


@dataclass(frozen=True)
class Environment:
    """Where runs are executed.

    Attributes:
        versions: of Python and of what is installed, by name.
        package: a digest of slotscope's source.
    """

    versions: dict[str, str]
    package: str


def environment() -> Environment:
    """The environment of this process."""
    found = {"python": platform.python_version()}
    for name in DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return Environment(found, _source())


def digest(versions: Mapping[str, str]) -> str:
    """A digest of versions."""
    text = json.dumps(versions, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _source() -> str:
    folder = Path(slotscope.__file__).parent
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        found.update(path.relative_to(folder).as_posix().encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]
