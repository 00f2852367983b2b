"""Kernels that are started as a frontend starts them, and what tests of them need."""

import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path

import nbformat
from jupyter_client.manager import KernelManager
from waiting import HANGS

from slotscope.kernels import servers, spec
from slotscope.kernels.provisioner import STARTED


@contextlib.contextmanager
def runtime_folder(monkeypatch):
    """A runtime folder, short enough for a socket, whose servers and kernels end with it."""
    folder = tempfile.mkdtemp(prefix="warm")
    monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
    monkeypatch.setenv("JUPYTER_PATH", str(Path(folder) / "jupyter" / "share" / "jupyter"))
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    STARTED.clear()
    try:
        yield Path(folder)
    finally:
        for server in servers.known():
            with contextlib.suppress(OSError):
                for pid in server.ask(do="stop")["kernels"]:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(pid, signal.SIGKILL)
        shutil.rmtree(folder)


def install(name, runtime, **config):
    """Make a kernel known to those who look in ``runtime``; returns its name."""
    spec.install(name, name, user=False, prefix=str(runtime / "jupyter"), **config)
    return name


def the_server():
    """The only server that runs."""
    (server,) = servers.known()
    return server


#: Cells: one that prints 2, and one that prints which process forked the kernel.
ADD = "print(1 + 1)"
PARENT = "import os; print(os.getppid())"


class Kernel:
    """A started kernel, and what a frontend does with it."""

    def __init__(self, name, **options):
        self.manager = KernelManager(kernel_name=name)
        self.manager.start_kernel(**options)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=HANGS)

    @property
    def pid(self):
        return self.manager.provisioner.pid

    def run(self, source, **options):
        """What a cell printed, on both streams; the error's name where it raised."""
        printed = []

        def hook(message):
            content = message["content"]
            if message["msg_type"] == "stream":
                printed.append(content["text"])
            elif message["msg_type"] in ("display_data", "execute_result"):
                printed.extend(content["data"])

        options = {"timeout": HANGS, "allow_stdin": False, **options}
        reply = self.client.execute_interactive(source, output_hook=hook, **options)
        if reply["content"]["status"] == "error":
            return reply["content"]["ename"]
        return "".join(printed).strip()

    def stop(self, **options):
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(**{"now": True, **options})


def notebook(*cells):
    """A notebook of these code cells."""
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
