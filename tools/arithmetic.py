"""The arithmetic that a process can be given: its instructions, its threads, its hash seed.

Another processor rounds otherwise: a library chooses its code by what the processor can, and how it
splits a sum by how many threads there are. Both can be had on one machine, by variables of the
environment that a process reads when it starts. This is the one table of them.

    python -m tools.arithmetic          the settings, and what this processor lacks for each
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

#: Instruction sets of x86-64, each with those before it, as Arrow spells what it detects.
LEVELS = ("none", "sse4_2", "avx", "avx2", "avx512")
NAMES = {"none": "SSE", "sse4_2": "SSE4.2", "avx": "AVX", "avx2": "AVX2", "avx512": "AVX-512"}
X86 = ("x86_64", "amd64")

#: NumPy dispatches by these; those of a level are left on where it caps, all others are disabled.
NUMPY_AVX = frozenset({"AVX", "F16C"})
NUMPY_AVX2 = NUMPY_AVX | {"AVX2", "FMA3", "X86_V3"}


@dataclass(frozen=True)
class Cap:
    """How one library is told which instructions to use.

    Attributes:
        library: which, and where it is found.
        variable: of the environment; the library reads it when it is imported or first used.
        sse: its value for the least that the library can do.
        avx: its value for AVX, without AVX2 and FMA. None: nothing need be said.
        avx2: its value for AVX2 and FMA, without AVX-512. None: nothing need be said.
        everywhere: whether ``sse`` is understood on processors other than x86-64, too.
        system: the only one where it is read, as ``platform.system()`` spells it; empty for any.
    """

    library: str
    variable: str
    sse: str
    avx: str | None
    avx2: str | None
    everywhere: bool = False
    system: str = ""


#: NumPy's own loops have no line here: what may be named depends on the build, see `_numpy`.
CAPS = (
    Cap("torch", "ATEN_CPU_CAPABILITY", "default", "default", "avx2", everywhere=True),
    Cap("MKL, in torch, on Intel's", "MKL_ENABLE_INSTRUCTIONS", "SSE4_2", "AVX", "AVX2"),
    # The first is obeyed on Intel's processors alone. Of this one every processor obeys this value.
    Cap("MKL, in torch", "MKL_CBWR", "COMPATIBLE", "COMPATIBLE", None),
    Cap("oneDNN, in torch and TensorFlow", "ONEDNN_MAX_CPU_ISA", "SSE41", "AVX", "AVX2"),
    Cap("TensorFlow's ops by oneDNN", "TF_ENABLE_ONEDNN_OPTS", "0", None, None),
    Cap(
        "XLA, in JAX and TensorFlow",
        "XLA_FLAGS",
        # With SSE4_2 it compiles no float16: it leaves __truncsfhf2 to a library that isn't there.
        "--xla_cpu_max_isa=AVX",
        "--xla_cpu_max_isa=AVX",
        "--xla_cpu_max_isa=AVX2",
    ),
    Cap("OpenBLAS, in NumPy and SciPy", "OPENBLAS_CORETYPE", "Prescott", "Sandybridge", "Haswell"),
    Cap("Arrow", "ARROW_USER_SIMD_LEVEL", "NONE", "AVX", "AVX2"),
    Cap(
        "the C library's functions",
        "GLIBC_TUNABLES",
        "glibc.cpu.hwcaps=-AVX,-AVX2,-FMA,-FMA4,-AVX512F",
        "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F",
        None,
        system="Linux",
    ),
)
NUMPY = "NPY_DISABLE_CPU_FEATURES"
SEED = "PYTHONHASHSEED"
#: Each is set to the number of threads: of OpenMP and torch, OpenBLAS, MKL, TensorFlow, XLA.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "NPROC",
)
#: Else MKL, and torch with it, starts no more threads than there are processors.
AS_MANY_AS_ASKED = "MKL_DYNAMIC"
#: Every variable that a setting sets, or takes away.
VARIABLES = (*(cap.variable for cap in CAPS), NUMPY, *THREADS, AS_MANY_AS_ASKED, SEED)


@dataclass(frozen=True)
class Setting:
    """One arithmetic.

    Attributes:
        name: as it is asked for.
        sentence: what it is like.
        level: the instructions that libraries may use, of :data:`LEVELS`; empty for all.
        threads: the threads of each pool; None for what a library chooses.
        seed: the seed of Python's hashes; None for one that is drawn.
    """

    name: str
    sentence: str
    level: str = ""
    threads: int | None = None
    seed: int | None = None


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("default", "all that the processor has, as many threads as libraries choose"),
        Setting("lowest", "the least that every library can do, one thread", "none", 1, 0),
        Setting("avx", "a processor of 2011: AVX, no FMA", "avx", 2, 1),
        Setting("avx2", "most processors of the last ten years: AVX2 and FMA", "avx2", 2, 2),
        Setting("one-thread", "all that the processor has, one thread", "", 1, 3),
        Setting("four-threads", "all that the processor has, four threads", "", 4, 4),
    )
}
#: The least of both instructions and threads, what most processors have, and the most of both. Two
#: settings may agree on a digit by chance: that is what the one in the middle is for.
EXTREMES = ("lowest", "avx2", "four-threads")


def variables(setting: Setting) -> dict[str, str]:
    """What the setting sets, on this machine."""
    found = {cap.variable: value for cap in CAPS if (value := _value(cap, setting.level))}
    if disabled := _numpy(setting.level):
        found[NUMPY] = " ".join(disabled)
    if setting.threads is not None:
        found |= dict.fromkeys(THREADS, str(setting.threads)) | {AS_MANY_AS_ASKED: "FALSE"}
    if setting.seed is not None:
        found[SEED] = str(setting.seed)
    return found


def environment(setting: Setting, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """``base``, by default this process's environment, with the setting and no other one's."""
    base = os.environ if base is None else base
    kept = {name: value for name, value in base.items() if name not in VARIABLES}
    return kept | variables(setting)


@contextlib.contextmanager
def given(setting: Setting) -> Iterator[None]:
    """Processes that are started inside of the block, kernels too, have this arithmetic."""
    former = dict(os.environ)
    within = environment(setting)
    try:
        os.environ.clear()
        os.environ.update(within)
        yield
    finally:
        os.environ.clear()
        os.environ.update(former)


def lacking(setting: Setting) -> list[str]:
    """Why this machine shows less of the setting than its name promises; empty if it does not.

    Each is a sentence: the processor lacks instructions, so that this setting is another one; a cap
    is not applicable; there are fewer processors than threads.
    """
    processors = _processors()
    found = []
    if setting.threads and setting.threads > processors:
        found.append(f"{processors} processors for {setting.threads} threads: OpenBLAS starts less")
    if not setting.level:
        return found
    if not _x86():
        if setting.level != LEVELS[0]:
            return [*found, f"{platform.machine()} has no {NAMES[setting.level]}: not applicable"]
        absent = [cap.library for cap in CAPS if not cap.everywhere]
        return [*found, f"not applicable on {platform.machine()}: {'; '.join(absent)}"]
    elsewhere = [c.library for c in CAPS if c.system and c.system != platform.system()]
    found += [f"not applicable on {platform.system()}: {library}" for library in elsewhere]
    best = detected()
    if LEVELS.index(best) <= LEVELS.index(setting.level):
        above = LEVELS[min(LEVELS.index(best) + 1, len(LEVELS) - 1)]
        found.append(f"this processor has no {NAMES[above]}, so no instructions are taken away")
    return found


def detected() -> str:
    """The best of :data:`LEVELS` that this processor has."""
    level = _processor().level
    return level if level in LEVELS else LEVELS[0]


def _x86() -> bool:
    return platform.machine().lower() in X86


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _value(cap: Cap, level: str) -> str | None:
    """What the variable of a library is at a level, on this machine; None: it isn't set."""
    if cap.system and cap.system != platform.system():
        return None
    if not _x86() and not (cap.everywhere and level == LEVELS[0]):
        return None
    return {"": None, "none": cap.sse, "avx": cap.avx, "avx2": cap.avx2}[level]


def _numpy(level: str) -> list[str]:
    """What NumPy has to disable: it warns of features that it would not use anyway."""
    if not level or (not _x86() and level != LEVELS[0]):
        return []
    kept = {"none": frozenset(), "avx": NUMPY_AVX, "avx2": NUMPY_AVX2}[level]
    return [name for name in _processor().dispatched if name not in kept]


@dataclass(frozen=True)
class Processor:
    """What NumPy and Arrow find where nothing is capped.

    Attributes:
        dispatched: the features by which NumPy would choose its code, as it names them.
        level: as Arrow detects it.
    """

    dispatched: tuple[str, ...]
    level: str


@functools.cache
def _processor() -> Processor:
    """This machine's, asked in a process without any cap of this one's."""
    source = (
        "import json, numpy, pyarrow\n"
        "extensions = numpy.show_config(mode='dicts')['SIMD Extensions']\n"
        "detected = pyarrow.runtime_info().detected_simd_level\n"
        "print(json.dumps([extensions.get('found', []), detected]))"
    )
    free = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", source], env=free, capture_output=True, text=True, check=True
    )
    dispatched, level = json.loads(done.stdout)
    return Processor(tuple(dispatched), level)


def main() -> None:
    """Print the table."""
    for setting in SETTINGS.values():
        print(f"{setting.name}: {setting.sentence}")
        for sentence in lacking(setting):
            print(f"    {sentence}")
        for name, value in variables(setting).items():
            print(f"    {name}={value}")


if __name__ == "__main__":
    main()
