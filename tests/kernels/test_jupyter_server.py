"""JupyterLab's server starts, interrupts, restarts and loses warm kernels as it does others."""

import os
import signal

import pytest
from waiting import HANGS, ended, until

pytestmark = pytest.mark.kernels


def pid(client):
    """The process of a kernel; its name `x` must be free, and is taken."""
    found = []
    client.execute_interactive(
        "import os; assert 'x' not in globals(); x = 1; print(os.getpid())",
        output_hook=lambda message: found.append(message["content"].get("text")),
        timeout=HANGS,
    )
    return int(next(text for text in found if text))


def test_a_kernel_of_jupyterlab(lab, warm):
    kernel = lab.ask("POST", "kernels", name=warm)["id"]
    client = lab.client(kernel)
    first = pid(client)

    client.execute("import time\nprint('begun')\ntime.sleep(60)")
    while client.get_iopub_msg(timeout=HANGS)["msg_type"] != "stream":
        pass
    lab.ask("POST", f"kernels/{kernel}/interrupt")
    reply = client.get_shell_msg(timeout=HANGS)
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    client.stop_channels()

    lab.ask("POST", f"kernels/{kernel}/restart")
    client = lab.client(kernel)
    second = pid(client)
    client.stop_channels()
    assert second != first
    assert ended(first)

    os.kill(second, signal.SIGKILL)
    until(lambda: ended(second))
    client = lab.client_of_restarted(kernel)
    third = pid(client)
    client.stop_channels()
    assert third != second

    lab.process.kill()
    until(lambda: ended(third))
