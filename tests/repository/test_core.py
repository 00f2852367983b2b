"""The core stands alone: without a framework, and on systems that are not POSIX."""

import json
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from repository_root import ROOT

from slotscope.kernels.server import frameworks

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
#: What starts and talks to servers of warm kernels, which are Linux's alone, and imported there.
WARM = "slotscope.kernels."

#: Imports every module of the package, and prints which of them can't be imported, and why.
EVERY_MODULE = """
import contextlib, importlib, json, os, pkgutil, signal, sys

others, modules, names, platform = json.loads(sys.argv[1])
for name in others:  # the standard library looks at the system when it is imported
    with contextlib.suppress(ImportError):
        importlib.import_module(name)

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in modules:
            raise ModuleNotFoundError(f"no {name} here", name=name.partition(".")[0])

sys.meta_path.insert(0, Missing())
for name in modules:
    sys.modules.pop(name, None)
for name in names:
    for module in (os, signal):
        if hasattr(module, name):
            delattr(module, name)
sys.platform = platform or sys.platform
import slotscope
failed = {}
for module in pkgutil.walk_packages(slotscope.__path__, "slotscope."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            failed[module.name] = error.name
        except Exception as error:
            failed[module.name] = repr(error)
print(json.dumps(failed))
"""
FRAMEWORKS = [name for one in frameworks.FRAMEWORKS for name in (one.name, *one.parts)]
LIBRARIES = (
    *("asyncio", "concurrent.futures", "multiprocessing.connection", "subprocess", "tempfile"),
    *("click", "jinja2", "junitparser", "loky", "matplotlib.pyplot", "pandas", "pyarrow", "rich"),
    *("jupyter_client", "nbformat", "papermill", "psutil", "distributed"),
)
POSIX_MODULES = ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty")
POSIX_NAMES = (
    *("SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGSTOP", "SIGUSR1", "ITIMER_REAL"),
    *("pidfd_send_signal", "pthread_sigmask", "setitimer"),
    *("fork", "getpgid", "getpgrp", "getpriority", "getuid", "killpg", "mkfifo", "pidfd_open"),
    *("PRIO_PROCESS", "sched_getaffinity", "sched_setaffinity", "setsid", "waitid", "WNOHANG"),
)
LINUX_NAMES = ("pidfd_open", "pidfd_send_signal", "sched_getaffinity", "sched_setaffinity")


def not_imported(libraries=(), modules=(), names=(), platform=""):
    """The modules of the package that can't be imported: {module: what it misses}."""
    asked = json.dumps([libraries, modules, names, platform])
    command = [sys.executable, "-c", EVERY_MODULE, asked]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    return json.loads(done.stdout)


def of_extras():
    """Top-level modules that extras bring, as far as a module of the package imports one."""
    listed = (line for name, lines in EXTRAS.items() if name != "all" for line in lines)
    return {Requirement(line).name.replace("-", "_") for line in listed} | {"nbclient", "nbformat"}


def test_every_module_imports_where_no_framework_is_installed():
    failed = not_imported(modules=FRAMEWORKS)
    assert set(failed.values()) <= of_extras() - set(FRAMEWORKS) | {"traitlets"}


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_every_module_but_the_servers_of_warm_kernels_imports_elsewhere(platform):
    modules, names = (
        (POSIX_MODULES, POSIX_NAMES) if platform == "win32" else ((), POSIX_NAMES[-12:])
    )
    failed = not_imported(LIBRARIES, modules, names, platform)
    unexpected = {
        name: missing
        for name, missing in failed.items()
        if missing not in of_extras() | {"traitlets"}
        and not (name.startswith(WARM) and missing in ("fcntl", "resource"))
    }
    assert unexpected == {}


def test_the_command_says_what_mends_each_engine_that_is_not_installed():
    done = subprocess.run(
        [sys.executable, "-m", "slotscope", "engines"], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    absent = sum("cannot run" in line for line in lines)
    assert sum("python -m pip install" in line for line in lines) == absent


def test_a_recording_is_saved_and_loaded_without_a_framework(tmp_path):
    source = (
        "import sys, numpy, slotscope\n"
        "kept = slotscope.Recording('keras-jax', {'jax': '1'}, 'SGD')\n"
        "kept.save(sys.argv[1])\n"
        "assert slotscope.load(sys.argv[1]).optimizer == 'SGD'\n"
        f"assert not set({FRAMEWORKS!r}) & set(sys.modules), 'a framework was imported'\n"
    )
    command = [sys.executable, "-c", source, str(tmp_path / "run.slotscope")]
    subprocess.run(command, check=True)
