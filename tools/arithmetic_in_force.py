"""What the libraries of a process really compute with: in their own words, and to the last bit.

    python -m tools.arithmetic_in_force lowest          under one of the settings

A variable that a library doesn't read changes nothing and says nothing. So each library is asked
for its instructions and threads where it tells them, and computes something whose last bits depend
on them. What is not installed is left out.
"""

from __future__ import annotations

import collections
import contextlib
import hashlib
import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tools import arithmetic

ROOT = Path(__file__).parents[1]
SOURCE = np.random.default_rng(0)
VECTOR = SOURCE.standard_normal(100_001).astype("float32")
LEFT = SOURCE.standard_normal((300, 257)).astype("float32")
RIGHT = SOURCE.standard_normal((257, 200)).astype("float32")
IMAGES = SOURCE.standard_normal((4, 8, 32, 32)).astype("float32")
KERNELS = SOURCE.standard_normal((16, 8, 3, 3)).astype("float32")


@dataclass(frozen=True)
class InForce:
    """What one library computes with.

    Attributes:
        says: its own words for its instructions; empty if it tells none.
        threads: the threads of its pool; None if that can't be told.
        digest: the digest of results whose last bits depend on its instructions.
    """

    says: str
    threads: int | None
    digest: str


Found = dict[str, InForce]


def under(setting: arithmetic.Setting) -> Found:
    """What is in force in a process that has this setting.

    Raises:
        RuntimeError: the process failed; the message holds what it wrote.
    """
    command = [sys.executable, "-m", "tools.arithmetic_in_force"]
    quiet = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    given = arithmetic.environment(setting) | quiet
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{setting.name}: no library could be asked.\n{done.stderr.decode()}")
    told = json.loads(done.stdout.splitlines()[-1])
    return {library: InForce(**words) for library, words in told.items()}


def changed(found: Found, default: Found) -> list[str]:
    """The libraries that compute otherwise than by default, each with what it says of it."""
    lines = []
    for library, now in found.items():
        before = default[library]
        words = []
        if now.says != before.says:
            words.append(now.says)
        elif now.digest != before.digest:
            words.append("rounds otherwise")
        if now.threads != before.threads:
            words.append(f"threads {now.threads}")
        if words:
            lines.append(f"{library}: {', '.join(words)}")
    return lines


def here() -> Found:
    """What is in force in this process."""
    libraries: dict[str, Callable[[], InForce]] = {
        "NumPy": _numpy,
        "OpenBLAS": _openblas,
        "C library": _c_library,
        "Arrow": _arrow,
        "torch": _torch,
        "MKL": _mkl,
        "oneDNN in torch": _onednn,
        "XLA": _xla,
        "TensorFlow": _tensorflow,
    }
    found = {}
    for name, ask in libraries.items():
        with contextlib.suppress(ImportError):
            found[name] = ask()
    return found


def digest(*results: Any) -> str:
    """Of the bits of arrays."""
    bits = hashlib.sha256()
    for result in results:
        bits.update(np.ascontiguousarray(result).tobytes())
    return bits.hexdigest()[:12]


def _numpy() -> InForce:
    extensions = np.show_config(mode="dicts")["SIMD Extensions"]
    wide = VECTOR.astype("float64")
    results = np.exp(VECTOR), np.sin(VECTOR), np.exp(wide), np.log(abs(wide))
    return InForce(" ".join(extensions.get("found", [])) or "baseline", 1, digest(*results))


def _openblas() -> InForce:
    import threadpoolctl

    pools = threadpoolctl.threadpool_info()
    (pool, *_) = [pool for pool in pools if pool["internal_api"] == "openblas"] or [{}]
    if not pool:
        raise ImportError("NumPy here has another BLAS")
    results = VECTOR @ VECTOR, LEFT @ RIGHT
    return InForce(pool["architecture"], pool["num_threads"], digest(*results))


def _c_library() -> InForce:
    numbers = abs(VECTOR[:20_000]).tolist()
    functions = (math.exp, math.log, math.sin, math.tan, math.atan)
    return InForce("", 1, digest([[function(x) for x in numbers] for function in functions]))


def _arrow() -> InForce:
    import pyarrow

    # It has no float32 kernel whose result would depend on it: only what it says is compared.
    return InForce(pyarrow.runtime_info().simd_level, pyarrow.cpu_count(), "")


def _torch() -> InForce:
    import torch

    left = torch.tensor(LEFT)
    results = torch.lerp(left, left + 1, 0.3), torch.tensor(VECTOR).exp()
    says = torch.backends.cpu.get_cpu_capability()
    return InForce(says, torch.get_num_threads(), digest(*results))


def _mkl() -> InForce:
    import torch

    if not torch.backends.mkl.is_available():
        raise ImportError("torch here has another BLAS")
    return InForce("", torch.get_num_threads(), digest(torch.tensor(LEFT) @ torch.tensor(RIGHT)))


def _onednn() -> InForce:
    import torch

    if not torch.backends.mkldnn.is_available():
        raise ImportError("torch here is without oneDNN")
    images, kernels = torch.tensor(IMAGES), torch.tensor(KERNELS)
    half = torch.tensor(LEFT).bfloat16() @ torch.tensor(RIGHT).bfloat16()
    results = torch.nn.functional.conv2d(images, kernels), half.float()
    return InForce("", torch.get_num_threads(), digest(*results))


def _xla() -> InForce:
    import jax

    results = jax.jit(lambda x: (jax.numpy.exp(x), x * x + x))(VECTOR)
    return InForce("", _threads("tf_XLAEigen"), digest(*results))


def _tensorflow() -> InForce:
    import tensorflow as tf

    results = tf.matmul(LEFT, RIGHT), tf.nn.softmax(LEFT)
    return InForce("", _threads("tf_Compute"), digest(*(result.numpy() for result in results)))


def _threads(name: str) -> int | None:
    """How many threads of this process have this name; None if the system doesn't say."""
    folder = Path("/proc/self/task")
    if not folder.is_dir():
        return None
    names = collections.Counter((task / "comm").read_text().strip() for task in folder.iterdir())
    return names[name]


def main(names: list[str]) -> None:
    """Print what is in force here, or under the settings that are named."""
    if not names:
        print(json.dumps({library: vars(words) for library, words in here().items()}))
        return
    default = under(arithmetic.SETTINGS["default"])
    for name in names:
        print(f"{name}:", *changed(under(arithmetic.SETTINGS[name]), default), sep="\n    ")


if __name__ == "__main__":
    main(sys.argv[1:])
