"""Everything a person runs: `python -m nox -s notebooks`, `tests`, `docs`, `lab`, ...: `--list`.

All sessions share one environment, built by the session `env` that each of them requires. It is
large (three frameworks), so it is installed again only when what pyproject.toml requires or
constraints.txt changed. What follows `--` goes to the tool that a session runs.
"""

import contextlib
import json
import os
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import nox

nox.needs_version = ">=2025.10.14"
nox.options.sessions = ["lint", "tests", "docs"]
nox.options.default_venv_backend = "venv"

ROOT = Path(__file__).parent
HOME = ROOT / ".nox" / "env"
BIN = HOME / ("Scripts" if sys.platform == "win32" else "bin")
PYTHON = str(BIN / "python")

# The oldest releases that pyproject.toml accepts, or nearly: what the wide ranges promise. Not of
# torch: for CPUs alone, as here, not every index has an older one.
OLDEST = (
    "keras==3.0.5",
    "tensorflow==2.16.2",
    "tf_keras==2.16.0",
    "jax==0.4.33",
    "torch==2.13.0",
    # The newest would want another NumPy than these.
    "pandas==2.1.4",
    "pyarrow==16.1.0",
)

# What tests need in an environment of their own.
TESTING = ("pytest>=8.0", "pytest-xdist>=3.5", "pyyaml>=6.0", "nbval>=0.11")

# Tests of torch, by their ids, and those that run every engine there is.
WITHOUT_TORCH = (
    *("-k", "not torch"),
    "--deselect=tests/processes/test_on_engine.py::"
    "test_every_engine_answers_for_itself_in_the_order_asked",
    "--deselect=tests/processes/test_on_engine.py::"
    "test_one_backend_of_keras_3_runs_here_and_each_other_one_in_a_process_of_its_own",
    "--deselect=tests/recording/test_measured_unusual.py::"
    "test_a_watch_that_the_end_of_the_program_closes_is_quiet",
)

# Tests that import no framework, or start none.
QUICK = (
    "tests/cli/test_cli.py",
    "tests/report/checks",
    "tests/report/runs",
    "tests/repository",
    "tests/sweep/asked",
    "tests/sweep/declared",
    "tests/tools/test_gates.py",
)

ENGINES = (
    *("keras-2.1", "tf_keras-graph", "tf_keras-legacy", "tf_keras"),
    *("keras-tensorflow", "keras-jax", "keras-torch"),
)

# The one place that sets what outputs may depend on. None means: not set, whatever the caller has.
ENVIRONMENT: dict[str, str | None] = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "IPYTHONDIR": str(HOME / "ipython"),  # nobody's start-up files
    "JUPYTER_DEFAULT_PROVISIONER_NAME": None,  # ordinary kernels, but where a session says so
    "KERAS_BACKEND": None,  # an engine chooses its own
    "MPLBACKEND": None,  # kernels choose inline only when nobody else chose
    "PYTHONDONTWRITEBYTECODE": None,  # else each of many processes compiles the package anew
    "PYTHONPATH": None,
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


# What the shared environment takes, as measured on Linux with torch's build for CPUs.
DISK, DOWNLOAD = "4.4 GB", "1.2 GB"
ROOM = 6 * 10**9  # bytes: while pip unpacks a wheel, the wheel is there as well

NEXT = """What next:
    python -m nox -s lab     open the notebooks in JupyterLab
    python -m nox -s docs    build the site: docs/_build/html/index.html
    docs/watching.md         watch a model of your own
    docs/checking.md         check an optimizer of your own"""


def run(session: nox.Session, *command: str, **variables: str | None) -> None:
    """Run a module of the shared environment: `python -m command`."""
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    environment = {**ENVIRONMENT, "PATH": path, **variables}
    session.run(PYTHON, "-m", *command, env=environment, external=True)


@contextlib.contextmanager
def next_steps(session: nox.Session) -> Iterator[None]:
    """Say at the end what to do next, also where something failed."""
    try:
        yield
    finally:
        session.log(NEXT)


@nox.session(reuse_venv=True, default=False)
def env(session: nox.Session) -> None:
    """Build the environment that every session shares, if its inputs changed."""
    pyproject = nox.project.load_toml(ROOT / "pyproject.toml")
    tables = [pyproject[name] for name in ("build-system", "project", "dependency-groups")]
    inputs = json.dumps(tables) + (ROOT / "constraints.txt").read_text()
    stamp = HOME / "inputs.txt"
    if stamp.exists() and stamp.read_text() == inputs:
        session.log("up to date with pyproject.toml and constraints.txt")
        return
    session.log(
        f"building {HOME.relative_to(ROOT)}, once: TensorFlow, JAX, torch and JupyterLab."
        f" About {DOWNLOAD} to download, {DISK} on disk, and two minutes besides the download;"
        " where pip brings torch with CUDA, several GB more. pip says below what it is at."
    )
    if (free := shutil.disk_usage(ROOT).free) < ROOM:
        session.warn(f"only {free / 1e9:.1f} GB are free here, which may not be enough")
    groups = nox.project.dependency_groups(pyproject, "dev")
    dev = ("--constraint", "constraints.txt", "--editable", ".[all]", *groups)
    session.install(*dev, silent=False)
    stamp.write_text(inputs)
    session.log("the environment is ready")


@nox.session(requires=["env"], venv_backend="none")
def notebooks(session: nox.Session) -> None:
    """Run the story on warm kernels: every notebook's stored outputs must come out again, exactly.

    On ordinary ones with JUPYTER_DEFAULT_PROVISIONER_NAME=local-provisioner, Jupyter's variable.
    """
    provisioner = os.environ.get("JUPYTER_DEFAULT_PROVISIONER_NAME", "slotscope-warm")
    kind = "warm" if provisioner == "slotscope-warm" else "ordinary"
    session.log(f"on {kind} kernels (JUPYTER_DEFAULT_PROVISIONER_NAME={provisioner})")
    number = len(list((ROOT / "notebooks").rglob("*.ipynb")))
    session.log(f"{number} notebooks, some minutes; a dot is a cell whose outputs came out again")
    pytest = ("pytest", "--nbval", "--override-ini=testpaths=notebooks", *session.posargs)
    with next_steps(session):
        run(session, *pytest, JUPYTER_DEFAULT_PROVISIONER_NAME=provisioner)


@nox.session(requires=["env"], venv_backend="none", default=False)
def quick(session: nox.Session) -> None:
    """Run the tests that need no framework: most mistakes show in them, within a minute."""
    pytest_on_ordinary_kernels(session, *QUICK)


@nox.session(requires=["env"], venv_backend="none")
def tests(session: nox.Session) -> None:
    """Run the tests: the package's, the gates', and the notebooks themselves under nbval."""
    pytest_on_ordinary_kernels(session, "--nbval", "-m", "not kernels and not browser")


@nox.session(requires=["env"], venv_backend="none", default=False)
def kernels(session: nox.Session) -> None:
    """Run the tests that start kernels of their own: papermill's on every engine, warm kernels'."""
    pytest_on_ordinary_kernels(session, "-m", "kernels")


@nox.session(requires=["env"], venv_backend="none", default=False)
def browser(session: nox.Session) -> None:
    """Look at pages and at JupyterLab in a browser: Chromium and its driver must be installed."""
    run(session, "pytest", "-m", "browser", *session.posargs)


def pytest_on_ordinary_kernels(session: nox.Session, *arguments: str) -> None:
    """Run pytest with a hash seed that is drawn here: what a notebook stores depends on none."""
    seed = os.environ.get("PYTHONHASHSEED") or str(random.randrange(2**32))
    session.log(f"on ordinary kernels, with PYTHONHASHSEED={seed}")
    # Two processes, for CI's two cores; `-- -n 0` runs everything in one.
    parallel = ("-n", "2", "--dist", "loadscope")
    run(session, "pytest", *arguments, *parallel, *session.posargs, PYTHONHASHSEED=seed)


@nox.session(reuse_venv=True, default=False)
def oldest(session: nox.Session) -> None:
    """Run the tests of engines and recordings on the oldest frameworks."""
    session.install("--editable", ".[tensorflow,jax,torch]", *OLDEST, *TESTING)
    on_other_releases(session, "tests/engines", "tests/recording")


@nox.session(reuse_venv=True, default=False)
def core(session: nox.Session) -> None:
    """Run the tests of the core, where no framework is installed."""
    session.install("--constraint", "constraints.txt", ".", "nbval", "pytest", "pyyaml")
    tests = (
        "tests/repository/test_core.py",
        "tests/repository/test_environment.py",
        "tests/recording/test_archive.py",
    )
    session.run("python", "-m", "pytest", *tests, *session.posargs, env=ENVIRONMENT)


@nox.session(reuse_venv=True, default=False)
def engines(session: nox.Session) -> None:
    """Run the tests of engines, recordings and rules on the pinned frameworks, and nothing else."""
    wanted = (".[tensorflow,jax,torch]", "nbval", "pytest")
    session.install("--constraint", "constraints.txt", *wanted)
    tests = ("tests/engines", "tests/recording", "tests/rules", *session.posargs)
    session.run("python", "-m", "pytest", *tests, env=ENVIRONMENT)


@nox.session(reuse_venv=True, default=False)
def newest(session: nox.Session) -> None:
    """Run what leans on the frameworks on their newest releases, and on Keras's nightly.

    Nothing is pinned but by pip's own variable PIP_CONSTRAINT, for a machine on which the newest
    torch, with its libraries for an accelerator, is too large.
    """
    session.install("--upgrade", "--upgrade-strategy=eager", "--editable", ".[all]", *TESTING)
    # It has the modules of keras, which every other distribution requires: it is put over them.
    session.install("--pre", "--upgrade", "--no-deps", "keras-nightly")
    on_other_releases(session, "tests/engines", "tests/recording")
    session.run("python", "-m", "tools.everything", "--quick", env=ENVIRONMENT)
    # The asserts of the story; its stored outputs name the releases that it was blessed on.
    story = ("--nbval-lax", "--override-ini=testpaths=notebooks", "-n", "2", "--dist", "loadfile")
    session.run("python", "-m", "pytest", *story, env=ENVIRONMENT)


@nox.session(python=["3.12", "3.13"], reuse_venv=True, default=False)
def pythons(session: nox.Session) -> None:
    """Run the tests of engines and recordings, and the quick checks, on a later Python.

    A Python that is not installed is skipped, and said; with --error-on-missing-interpreters it
    fails. On Linux torch is left out: there the package index has only its builds for an
    accelerator, gigabytes of them; `nox -s env tests` under a later Python has it all.
    """
    torch = ["torch"] if sys.platform != "linux" else []
    extras = ",".join(["tensorflow", "jax", "notebooks", *torch])
    session.install("--editable", f".[{extras}]", *TESTING)
    tests = ("tests/engines", "tests/recording")
    on_other_releases(session, *tests, *(() if torch else WITHOUT_TORCH))
    engines = [name for name in ENGINES if torch or name != "keras-torch"]
    session.run("python", "-m", "tools.everything", *engines, "--quick", env=ENVIRONMENT)


def on_other_releases(session: nox.Session, *arguments: str) -> None:
    """Say which releases these are, and run pytest on them."""
    session.run("python", "-m", "pip", "list", "--disable-pip-version-check")
    parallel = ("-n", "2", "--dist", "loadfile")
    command = ("python", "-m", "pytest", *arguments, *parallel, *session.posargs)
    session.run(*command, env=ENVIRONMENT)


@nox.session(requires=["env"], venv_backend="none")
def lint(session: nox.Session) -> None:
    """Check style, layout, types and that imports go down; change nothing."""
    run(session, "ruff", "check", ".")
    run(session, "ruff", "format", "--check", ".")
    session.run(str(BIN / "lint-imports"), env=ENVIRONMENT, external=True)
    run(session, "mypy")


@nox.session(requires=["env"], venv_backend="none")
def docs(session: nox.Session) -> None:
    """Build the site into docs/_build/html, warnings being errors; no notebook is executed."""
    strict = ("--fail-on-warning", "--keep-going", "--nitpicky", "--fresh-env")
    run(session, "sphinx", *strict, "--builder=html", "docs", "docs/_build/html", *session.posargs)


@nox.session(requires=["env"], venv_backend="none")
def lab(session: nox.Session) -> None:
    """Open JupyterLab on the notebooks, with the kernel ready."""
    run(session, "jupyterlab", "--notebook-dir=notebooks", *session.posargs)


@nox.session(requires=["env"], venv_backend="none")
def bless(session: nox.Session) -> None:
    """Rewrite stored outputs as nbval will see them; refuse what other arithmetic changes."""
    run(session, "tools.bless", *session.posargs)


@nox.session(requires=["env"], venv_backend="none", default=False)
def portability(session: nox.Session) -> None:
    """Run the story and the tests of values under other arithmetic; `-- lowest --story`, a part."""
    run(session, "tools.portability", *session.posargs)


@nox.session(requires=["env"], venv_backend="none", default=False)
def checks(session: nox.Session) -> None:
    """Hold every built-in optimizer of every engine to the checks; `-- keras-jax`, `-- --quick`."""
    run(session, "tools.everything", *session.posargs)


@nox.session(venv_backend="none", default=False)
def accelerator(session: nox.Session) -> None:
    """Run on an accelerator what has to hold there, by the `python` on PATH and its frameworks.

    Where there is none it says so; `-- --require` fails then, `-- --simulated` simulates one.
    """
    python = shutil.which("python") or sys.executable
    session.run(python, "-m", "tools.accelerator", *session.posargs, external=True)


@nox.session(requires=["env"], venv_backend="none", default=False)
def mutants(session: nox.Session) -> None:
    """Break the installed optimizers in hundreds of ways: the checks must see each of them."""
    run(session, "tools.mutants", *session.posargs)


@nox.session(requires=["env"], venv_backend="none", default=False)
def crowded(session: nox.Session) -> None:
    """Beside ten busy processes, checks, tests and notebooks say what they say on a calm machine.

    `-- --short` runs what once said otherwise, some minutes; `-- --list` names the parts.
    """
    run(session, "tools.crowded", *session.posargs)


@nox.session(requires=["env"], venv_backend="none", default=False)
def bench(session: nox.Session) -> None:
    """Measure this machine: watching, warm kernels, starting; `-- --smoke` only whether that runs.

    Watching also on an accelerator, where there is one.
    """
    devices = os.environ.get("CUDA_VISIBLE_DEVICES")
    run(session, "benchmarks", *session.posargs, CUDA_VISIBLE_DEVICES=devices)
