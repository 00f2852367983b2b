"""Which kernels may come from one server: those that would have imported the same, the same way.

A fingerprint holds what a process cannot change once it has started or imported: the interpreter
and its options, the variables that Python, a framework or a thread pool reads when it starts or is
imported, and the limits of the process. The versions of what is installed are not in it: the server
itself looks, before each fork, whether what it imported is still what is installed.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slotscope.kernels.server.frameworks import FRAMEWORKS

SERVER = Path(__file__).parent / "server"

#: Beginnings of the names of variables that are read at start or import.
PREFIXES = (
    # The interpreter, the C library, debuggers.
    *("DEBUGPY", "DEBUG_PYDEVD_", "GEVENT_", "GLIBC_", "JE_", "LC_", "LD_", "MALLOC_"),
    *("PYCHARM_DEBUG", "PYDEV", "PYTHON"),
    # Threads and linear algebra.
    *("BLIS_", "DNNL_", "FBGEMM_", "FLEXIBLAS", "GOMP_", "GOTO_", "KMP_", "MKL_", "OMP_"),
    *("ONEDNN_", "OPENBLAS_"),
    # Accelerators.
    *("CUBLAS_", "CUDA_", "CUDNN_", "HIP_", "NCCL_", "NVIDIA_", "ROCM_"),
    # Packages.
    *("ARROW_", "MATPLOTLIB", "MPL", "NPY_", "NUMEXPR_", "NUMPY_", "PROTOCOL_BUFFERS_"),
    *("SCIPY_", "SKLEARN_"),
    *(name for framework in FRAMEWORKS for name in framework.variables),
)
NAMES = {
    *("HOME", "IPYTHONENABLE", "LANG", "LANGUAGE", "LIBTPU_INIT_ARGS", "NPROC"),
    *("PATHS_FROM_ECLIPSE_TO_PYTHON", "TZ", "VIRTUAL_ENV"),
}
CALM = "background_thread:false"
#: Of one session, or of one kernel: a server that outlives both must not have them.
PERSONAL = ("JPY_", "JUPYTER", "PYTEST_")


@dataclass(frozen=True)
class Fingerprint:
    """What the kernels of one server have in common.

    Attributes:
        interpreter: the path of Python.
        options: the options of the interpreter, such as ``-O``.
        variables: those of the environment that are read at start or import.
        limits: resource limits and niceness, which a fork inherits.
        folder: the working directory, where ``PYTHONPATH`` is relative to it; else empty.
        packages: what the server imports; empty if that is all that it knows.
        code: a digest of the server's own code.
    """

    interpreter: str
    options: tuple[str, ...]
    variables: tuple[tuple[str, str], ...]
    limits: tuple[tuple[str, tuple[int, int]], ...]
    folder: str
    packages: tuple[str, ...]
    code: str

    @property
    def name(self) -> str:
        """A short name for files."""
        content = json.dumps([*vars(self).values()])
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def fingerprint(
    interpreter: str,
    options: tuple[str, ...],
    environment: Mapping[str, str],
    folder: str,
    packages: tuple[str, ...] = (),
) -> Fingerprint:
    """The fingerprint of a kernel that ``interpreter`` would run.

    Args:
        interpreter: the path of Python.
        options: the options of the interpreter.
        environment: the environment of the kernel.
        folder: its working directory.
        packages: what its server imports; empty for all that it knows.
    """
    variables = {
        name: value
        for name, value in environment.items()
        if name.startswith(PREFIXES) or name in NAMES
    }
    paths = variables.get("PYTHONPATH", "").split(os.pathsep) if "PYTHONPATH" in variables else []
    relative = not all(map(os.path.isabs, paths))
    return Fingerprint(
        interpreter,
        options,
        tuple(sorted(variables.items())),
        limits(),
        folder if relative else "",
        tuple(sorted(packages)),
        _code(),
    )


def server_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a server for kernels with this one."""
    kept = {name: text for name, text in environment.items() if not name.startswith(PERSONAL)}
    # OpenBLAS starts its threads when it is imported; a kernel starts them after the fork.
    kept |= {"GOTO_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    # So does the allocator of pyarrow, which pandas imports.
    arrow = kept.get("JE_ARROW_MALLOC_CONF")
    kept["JE_ARROW_MALLOC_CONF"] = f"{arrow},{CALM}" if arrow else CALM
    kept.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return kept


@functools.cache
def _code() -> str:
    digest = hashlib.sha256()
    for path in sorted(SERVER.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def limits() -> tuple[tuple[str, tuple[int, int]], ...]:
    """The resource limits of this process, and its niceness."""
    import resource  # not on Windows

    names = sorted(name for name in vars(resource) if name.startswith("RLIMIT_"))
    found = {name: resource.getrlimit(getattr(resource, name)) for name in names}
    found["nice"] = (os.getpriority(os.PRIO_PROCESS, 0), 0)
    return tuple(found.items())
