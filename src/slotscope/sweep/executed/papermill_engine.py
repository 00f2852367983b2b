"""papermill's engine with one difference: whoever runs a notebook can see and end its kernel.

papermill registers engines by name and asks only classes for them; what belongs to one run comes as
the argument ``run``.
"""

from __future__ import annotations

import ast
import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.log import logger

from slotscope.sweep.declared.notebook_file import PYTHON, language_of
from slotscope.sweep.executed.runs_in_progress import RunInProgress

NAME = "slotscope"
#: Bytes that the path of a folder with sockets may have: a socket's own has at most 107.
LONGEST = 85
#: What a kernel is asked for when its notebook is through, in Python: of which modules of slotscope
#: its results may depend. One that has not imported slotscope does not import it for this.
IMPORTED = (
    "' '.join(__import__('slotscope.processes.imported', fromlist=['imported']).imported())"
    " if 'slotscope' in __import__('sys').modules else ''"
)


class PapermillClient(PapermillNotebookClient):
    """papermill's client, whose kernel is started as the run wants it, and ends by a signal."""

    def __init__(self, nb_man: Any, run: RunInProgress, **options: Any) -> None:
        """
        Args:
            nb_man: papermill's state of the run.
            run: what the kernel belongs to.
            **options: of nbclient.
        """
        super().__init__(nb_man, **options)
        self.run = run
        run.client = self

    def create_kernel_manager(self) -> Any:
        """papermill's, for a kernel that is started as the run wants it."""
        manager = super().create_kernel_manager()
        manager.connection_file = f"{self.run.sockets}/kernel.json"
        # By files, where there can be: two kernels that start at once may be given the same port.
        short = len(os.fsencode(self.run.sockets)) < LONGEST
        if manager.ipykernel and short and sys.platform != "win32":
            manager.transport = "ipc"
        if self.run.provisioner:
            # By the spec, not by Jupyter's variable, which is read once in a process.
            chosen = {"provisioner_name": self.run.provisioner, "config": {}}
            manager.kernel_spec.metadata.setdefault("kernel_provisioner", chosen)
        return manager

    @contextlib.contextmanager
    def setup_kernel(self, **options: Any) -> Iterator[None]:
        """papermill's; the kernel and its children are killed first, so nothing is waited for."""
        with super().setup_kernel(**options):
            self.run.ready = True
            try:
                yield
                self.run.imported = self._imported()
            finally:
                self.run.kill()

    def _imported(self) -> list[str] | None:
        """What the kernel has imported of slotscope; None if it can't tell.

        One of another language can't, nor one that has died since, or has another slotscope.
        """
        if language_of(str(self.km.kernel_spec.language)) != PYTHON:
            return None
        with contextlib.suppress(Exception):
            asked = {"imported": IMPORTED}
            message = self.kc.execute("", silent=True, user_expressions=asked)
            told = self.wait_for_reply(message)["content"]["user_expressions"]["imported"]
            return str(ast.literal_eval(told["data"]["text/plain"])).split()
        return None

    def execute_cell(self, cell: Any, cell_index: int, *args: Any, **options: Any) -> Any:
        """nbclient's; of an error that the kernel only answered with, the cell has an output."""
        try:
            return super().execute_cell(cell, cell_index, *args, **options)
        except CellExecutionError as error:
            if not any(output.output_type == "error" for output in cell.outputs):
                # IPython prints the trace of an exception group as Python does.
                printed = [o.text for o in cell.outputs if o.get("name") == "stderr"]
                trace = printed or [f"{error.ename}: {error.evalue}"]
                said = {"ename": error.ename, "evalue": error.evalue, "traceback": trace}
                cell.outputs.append(new_output("error", **said))
            raise


class PapermillEngine(NBClientEngine):
    """papermill's engine, with :class:`PapermillClient`."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        run: RunInProgress,
        start_timeout: int = 60,
        execution_timeout: float | None = None,
        resources: Any = None,
        **_ignored: Any,
    ) -> Any:
        """Execute what ``nb_man`` holds."""
        run.notebook = nb_man.nb
        client = PapermillClient(
            nb_man,
            run,
            kernel_name=kernel_name,
            log=logger,
            resources=resources or {},
            shutdown_kernel="immediate",
            startup_timeout=start_timeout,
            iopub_timeout=start_timeout,  # nbclient's would leave out what comes late
            timeout_func=None if execution_timeout is None else lambda _: execution_timeout,
        )
        return client.execute()


def register() -> str:
    """Tell papermill of the engine: its name."""
    papermill_engines.register(NAME, PapermillEngine)
    return NAME
