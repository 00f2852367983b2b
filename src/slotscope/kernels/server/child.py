"""What makes a forked process a kernel like any other, and how it ends."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import importlib.util
import logging
import os
import random
import select
import signal
import sys
import threading
import traceback
from typing import Any, NoReturn

from . import stash, workers
from .wire import Message

INLINE = "module://matplotlib_inline.backend_inline"


def settle(request: Message, descriptors: list[int]) -> None:
    """Make this process what the request asks for, as ``Popen`` would have.

    Args:
        request: ``cwd``, ``umask``, ``affinity``, ``ignored`` (signals).
        descriptors: for standard input, output and error; they are closed.
    """
    os.setsid()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.umask(request["umask"])
    os.chdir(request["cwd"])
    os.sched_setaffinity(0, request["affinity"])
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD", "SIGQUIT"):
        number = getattr(signal, name)
        ignored = number in request["ignored"]
        default = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN if ignored else default)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def become(request: Message, families: list[stash.Family], backend: str) -> NoReturn:
    """Be a kernel, or a worker of one, and end with it.

    Args:
        request: ``env``, ``argv`` after the launcher's name, ``command``.
        families: modules that were put away for it.
        backend: the backend of Keras 3, where the environment names none.
    """
    status: Any = 1
    try:
        worker = workers.twin(request)
        request = worker or request
        owner: int | None = request.get("owner")
        if owner is not None:
            _watch(owner)
        os.environ.clear()
        os.environ.update(request["env"])
        sys.meta_path.insert(0, stash.Finder(families, backend))
        _forget_the_server()
        _reseed()
        _restore_blas_threads()
        _restore_matplotlib(INLINE if worker is None else None)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.reconfigure(line_buffering=stream is sys.stderr or stream.isatty())  # type: ignore[union-attr]
        (_run_kernel if worker is None else workers.run)(request)
        status = 0
    except SystemExit as exit:
        status = exit.code
    except BaseException:
        traceback.print_exc()
    finally:
        _end(status)


def _run_kernel(request: Message) -> None:
    sys.argv = [_launcher(), *request["argv"]]
    sys.orig_argv = request["command"]
    from ipykernel import kernelapp

    # With a parent_handle of 1 ipykernel knows that it has a parent, but does not look for its end:
    # that is done by _watch.
    kernelapp.launch_new_instance(parent_handle=int("JPY_PARENT_PID" in os.environ))


def _watch(owner: int) -> None:
    """End when another process has ended, as a kernel does when its parent is gone."""

    def wait() -> None:
        poll = select.poll()
        poll.register(owner, select.POLLIN)
        poll.poll()
        os._exit(1)

    threading.Thread(target=wait, name="ParentPoller", daemon=True).start()


def _end(status: Any) -> NoReturn:
    """End this process as an interpreter does, without taking apart the frameworks' modules.

    That would take seconds. Threads are waited for, exit handlers run, and what the notebook held
    is let go of, so that its files are written and its finalizers run.
    """
    code = status if isinstance(status, int) else int(status is not None)
    try:
        if code and not isinstance(status, int):
            print(status, file=sys.stderr)
        threading._shutdown()  # type: ignore[attr-defined]
        # IPython lets go of the notebook's names among them.
        atexit._run_exitfuncs()
        logging.disable()  # asyncio would complain of what the kernel itself leaves
        gc.collect()
    except BaseException:
        code = code or 1
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            with contextlib.suppress(Exception):
                stream.flush()  # type: ignore[union-attr]
        os._exit(code & 0xFF)


def _launcher() -> str:
    spec = importlib.util.find_spec("ipykernel_launcher")
    return spec.origin if spec and spec.origin else "ipykernel_launcher"


def _forget_the_server() -> None:
    """Remove the server's modules, and the import system's lists of the files in folders."""
    stash.away(__name__.partition(".")[0])
    importlib.invalidate_caches()


def _reseed() -> None:
    """Renew what is random and would be the same in every kernel that the server forks."""
    random.seed()
    with contextlib.suppress(KeyError):
        sys.modules["numpy"].random.seed()
    with contextlib.suppress(KeyError):
        sys.modules["multiprocessing.process"].current_process().authkey = os.urandom(32)
    with contextlib.suppress(KeyError):
        sys.modules["tempfile"].tempdir = None  # type: ignore[attr-defined]


def _restore_blas_threads() -> None:
    """Give NumPy's BLAS as many threads as it would have started when it was imported."""
    names = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
    given = (os.environ.get(name, "") for name in names)
    wanted = next((int(text) for text in given if text.isdecimal() and int(text)), None)
    processors = len(os.sched_getaffinity(0))
    # OpenBLAS starts no more than there are processors, whatever it is told.
    number = min(wanted or processors, processors)
    if number > 1 and importlib.util.find_spec("threadpoolctl"):
        importlib.import_module("threadpoolctl").threadpool_limits(number, user_api="blas")


def _restore_matplotlib(default: str | None) -> None:
    """Set what matplotlib reads when it is imported: matplotlibrc in the folder, the backend.

    The server imported it elsewhere, and with another environment.

    Args:
        default: the backend, where the environment names none; None leaves it.
    """
    matplotlib = sys.modules.get("matplotlib")
    if matplotlib is not None:
        if os.path.isfile("matplotlibrc"):
            matplotlib.rc_file(matplotlib.matplotlib_fname())
        backend = os.environ.get("MPLBACKEND") or default
        if backend:
            matplotlib.rcParams["backend"] = backend
