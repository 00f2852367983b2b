"""JupyterLab's server starts, interrupts, restarts and loses warm kernels as it does others."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from warm_cases import alive, until

pytestmark = pytest.mark.kernels

TOKEN = "for this test alone"


class Lab:
    """A running server, through its REST API."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.runtime = folder / "runtime"
        options = [f"--port={self.address.rpartition(':')[2]}", f"--ServerApp.root_dir={folder}"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", *options],
            env={**os.environ, "JUPYTER_TOKEN": TOKEN, "JUPYTER_RUNTIME_DIR": str(self.runtime)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self.answers, seconds=60)

    def ask(self, method, path, **data):
        request = urllib.request.Request(
            f"{self.address}/api/{path}",
            method=method,
            headers={"Authorization": f"token {TOKEN}", "Content-Type": "application/json"},
            data=json.dumps(data).encode() if data else None,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def answers(self):
        try:
            return bool(self.ask("GET", "status"))
        except urllib.error.URLError:
            return False

    def client(self, kernel):
        """A client of a kernel, also of one that the server is just starting again."""
        client = BlockingKernelClient()
        client.load_connection_file(str(self.runtime / f"kernel-{kernel}.json"))
        client.hb_channel.time_to_dead = 60.0  # its heart may not beat yet: that is not its death
        client.start_channels()
        client.wait_for_ready(timeout=60)
        return client


@pytest.fixture
def lab(warm, tmp_path):
    server = Lab(tmp_path)
    yield server
    server.process.kill()
    server.process.wait()


def pid(client):
    """The process of a kernel; its name `x` must be free, and is taken."""
    found = []
    client.execute_interactive(
        "import os; assert 'x' not in globals(); x = 1; print(os.getpid())",
        output_hook=lambda message: found.append(message["content"].get("text")),
        timeout=60,
    )
    return int(next(text for text in found if text))


def test_a_kernel_of_jupyterlab(lab, warm):
    kernel = lab.ask("POST", "kernels", name=warm)["id"]
    client = lab.client(kernel)
    first = pid(client)

    client.execute("import time\nprint('begun')\ntime.sleep(60)")
    while client.get_iopub_msg(timeout=30)["msg_type"] != "stream":
        pass
    lab.ask("POST", f"kernels/{kernel}/interrupt")
    reply = client.get_shell_msg(timeout=30)
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    client.stop_channels()

    lab.ask("POST", f"kernels/{kernel}/restart")
    client = lab.client(kernel)
    second = pid(client)
    client.stop_channels()
    assert second != first
    assert not alive(first)

    os.kill(second, signal.SIGKILL)
    until(lambda: lab.ask("GET", f"kernels/{kernel}")["execution_state"] != "idle")
    client = lab.client(kernel)
    third = pid(client)
    client.stop_channels()
    assert third != second

    lab.process.kill()
    until(lambda: not alive(third))
