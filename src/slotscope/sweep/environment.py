"""What runs depend on besides the notebook: versions of what is installed, and slotscope's code.

Both are read from files; nothing is imported. :func:`environment` tells of the process in which it
is called: beside the command where runs are executed on the same machine, on a worker of a cluster
where they are executed there.

What a notebook computes with slotscope follows from slotscope's version, where that was installed
from an index or a wheel. A version says nothing of a clone, in which code changes while it stays:
there, each module counts by itself, and a run depends on those that it imported.
"""

from __future__ import annotations

import ast
import hashlib
import json
import platform
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from pathlib import Path

from slotscope.kernels.server.frameworks import FRAMEWORKS

#: Distributions whose version may change what a notebook computes or shows.
DISTRIBUTIONS = (
    "slotscope",
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
        versions: the versions of Python and of what is installed, by name.
        modules: a digest of the code of each module of slotscope, by name; None if its version
            says all of them.
    """

    versions: dict[str, str]
    modules: dict[str, str] | None


def environment() -> Environment:
    """The environment of this process."""
    found = {"python": platform.python_version()}
    for name in DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    folder = Path(__file__).parents[1]
    return Environment(found, None if _is_released(folder) else digests(folder))


def _is_released(folder: Path) -> bool:
    try:
        return is_release(distribution("slotscope"), folder)
    except PackageNotFoundError:
        return False


def is_release(installed: Distribution, folder: Path) -> bool:
    """Whether what is in a package's folder is what a version of its distribution names.

    It is not where the package was imported from elsewhere (an editable installation, a source
    tree on the path), nor where it was built from a folder or a repository, as each clone has the
    same version for a long time.
    """
    direct = json.loads(installed.read_text("direct_url.json") or "{}")
    if "dir_info" in direct or "vcs_info" in direct:
        return False
    init = f"{folder.name}/__init__.py"
    recorded = (installed.read_text("RECORD") or "").splitlines()
    if not any(line.startswith(f"{init},") for line in recorded):
        return False
    return Path(str(installed.locate_file(init))).resolve() == (folder / "__init__.py").resolve()


def digests(folder: Path) -> dict[str, str]:
    """A digest of the code of every module below a package's folder, by the module's name."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = code_digest(path.read_bytes())
    return found


def code_digest(source: bytes) -> str:
    """A digest of what Python code does: of neither docstrings, comments nor formatting."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # somebody is writing it
        return hashlib.sha256(source).hexdigest()[:16]
    for node in ast.walk(tree):
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]
