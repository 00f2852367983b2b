"""JupyterLab's server, for tests that ask it for kernels."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request

from jupyter_client.blocking.client import BlockingKernelClient
from waiting import HANGS, until

TOKEN = "for this test alone"


class Lab:
    """A running server, through its REST API."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.runtime = folder / "runtime"
        options = [
            f"--port={self.address.rpartition(':')[2]}",
            f"--ServerApp.root_dir={folder}",
            "--LabApp.expose_app_in_browser=True",
        ]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", *options],
            env={**os.environ, "JUPYTER_TOKEN": TOKEN, "JUPYTER_RUNTIME_DIR": str(self.runtime)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self.answers)

    def ask(self, method, path, **data):
        request = urllib.request.Request(
            f"{self.address}/api/{path}",
            method=method,
            headers={"Authorization": f"token {TOKEN}", "Content-Type": "application/json"},
            data=json.dumps(data).encode() if data else None,
        )
        with urllib.request.urlopen(request, timeout=HANGS) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def answers(self):
        try:
            return bool(self.ask("GET", "status"))
        except urllib.error.URLError:
            return False

    def client(self, kernel, timeout=HANGS):
        """A client of a kernel, also of one that the server is just starting again."""
        client = BlockingKernelClient()
        client.load_connection_file(str(self.runtime / f"kernel-{kernel}.json"))
        client.hb_channel.time_to_dead = float(HANGS)  # a heart that beats late is no death
        client.start_channels()
        try:
            client.wait_for_ready(timeout=timeout)
        except RuntimeError:
            client.stop_channels()
            raise
        return client

    def client_of_restarted(self, kernel):
        """A client of a kernel that has died, once the server has started it again.

        Its ports may be others by then, and its state says nothing: a warm kernel is back before
        anybody could see that it was away. So it is asked for again and again, each time for
        longer.
        """
        for patience in (2**power for power in range(1, 11)):
            with contextlib.suppress(RuntimeError):
                return self.client(kernel, timeout=patience)
        raise AssertionError("the kernel was not started again")

    def page(self, path):
        """Where a browser finds a notebook."""
        return f"{self.address}/lab/tree/{path}?token={TOKEN}"

    def stop(self):
        self.process.kill()
        self.process.wait()
