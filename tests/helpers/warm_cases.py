"""Kernels that are started as a frontend starts them, and what tests of them need."""

from pathlib import Path

import nbformat
from jupyter_client.manager import KernelManager
from waiting import HANGS


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


def alive(pid):
    """Whether a process runs; one that has ended and was not waited for doesn't."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def notebook(*cells):
    """A notebook of these code cells."""
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
