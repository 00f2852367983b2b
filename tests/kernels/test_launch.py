"""Where no server can fork a kernel, an ordinary one starts, and says why."""

import json
import os
import signal
import subprocess
import sys

import pytest
from waiting import ended, until
from warm_cases import ADD, PARENT, the_server

from slotscope.errors import KernelServerError
from slotscope.kernels import launch, servers
from slotscope.kernels.provisioner import STARTED

pytestmark = pytest.mark.kernels


def refused(caplog):
    """The lines that say why a kernel is an ordinary one."""
    return [r.getMessage() for r in caplog.records if r.name == "slotscope.kernels.provisioner"]


def test_a_folder_that_others_may_enter_is_refused(warm, start, caplog):
    folder = servers.folder()
    folder.chmod(0o755)
    assert start(warm).run(ADD) == "2"
    folder.chmod(0o700)
    (line,) = refused(caplog)
    assert "Others than you may enter" in line


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_server_killed_in_mid_use_costs_another_try(warm, start, monkeypatch, when):
    start(warm)
    killed = []

    def connect(self):
        connection = original(self)
        if not killed:
            killed.append(self.pid)
            if when == "after":
                # It never reads what is sent.
                os.kill(self.pid, signal.SIGSTOP)
                connection.settimeout(0.5)
            else:
                os.kill(self.pid, signal.SIGKILL)
                until(lambda: ended(self.pid))
        return connection

    original = servers.Server.connect
    monkeypatch.setattr(launch, "find_or_start", _find_then(connect, monkeypatch))
    if when == "after":
        monkeypatch.setattr(servers, "ANSWER", 0.5)
    assert start(warm).run(ADD) == "2"
    assert killed
    for pid in killed:
        if when == "after":
            os.kill(pid, signal.SIGKILL)


def _find_then(connect, monkeypatch):
    """`find_or_start`, after which the first connection goes wrong."""

    def find(*args):
        server = servers.find_or_start(*args)
        monkeypatch.setattr(servers.Server, "connect", connect)
        return server

    return find


def test_what_never_stays_as_it_is_means_an_ordinary_kernel(warm, start, tmp_path, caplog):
    settings = tmp_path / "keras.json"
    settings.write_text("{}")
    os.utime(settings, (2**32, 2**32))
    assert start(warm, env={**os.environ, "KERAS_HOME": str(tmp_path)}).run(ADD) == "2"
    (line,) = refused(caplog)
    assert line.endswith(f"Its server went away 3 times: {settings} has changed.")


def test_an_imported_module_of_the_users_means_an_ordinary_kernel(warm, start, tmp_path, caplog):
    (tmp_path / "sitecustomize.py").touch()
    kernel = start(warm, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert kernel.run(ADD) == "2"
    (line,) = refused(caplog)
    assert "sitecustomize would be imported before the notebook" in line
    assert "\n" not in line


def test_a_server_that_cannot_be_started_is_not_tried_for_every_notebook(
    warm, start, tmp_path, monkeypatch
):
    (tmp_path / "sitecustomize.py").touch()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    start(warm, env=environment)
    monkeypatch.setattr(servers, "_start", None)
    start(warm, env=environment)
    assert list(STARTED.values()) == [2]


#: A server as it would be if an import had left something.
LEFT = """
import json, sys, threading, time
from pathlib import Path
from slotscope.kernels.server import forking, loop
class Preloaded:
    names, failed, families, backend = [], {}, [], ""
    def changed(self):
        return ""
if sys.argv[2] == "threads":
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
else:
    forking.devices = lambda: ["/dev/nvidia0"]
server = loop.ForkServer(Preloaded(), Path(sys.argv[1]), sys.argv[2], 600, json.loads(sys.argv[3]))
print("ready", flush=True)
server.serve()
"""


@pytest.mark.parametrize(
    ("left", "reason"),
    [("threads", "2 threads: "), ("a device", "a driver's files open: /dev/nvidia0")],
)
def test_a_server_that_cannot_be_copied_refuses_and_an_ordinary_kernel_starts(
    warm, start, monkeypatch, caplog, left, reason
):
    given = {"token": "known", "fingerprint": {}}
    command = [sys.executable, "-c", LEFT, str(servers.folder()), left, json.dumps(given)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        monkeypatch.setattr(launch, "find_or_start", lambda *_: the_server())
        kernel = start(warm)
        assert kernel.run(PARENT) == str(os.getpid())
        (line,) = refused(caplog)
        assert f"not a warm one. Its server refuses: the server has {reason}" in line
        process.kill()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda patch: patch.setattr(sys, "platform", "darwin"), "on darwin can't fork one"),
        (lambda patch: patch.delattr(os, "pidfd_open"), "can't fork one"),
    ],
)
def test_where_nothing_can_be_forked_an_ordinary_kernel_starts(
    warm, start, monkeypatch, caplog, change, reason
):
    with monkeypatch.context() as patch:
        change(patch)
        kernel = start(warm)
    assert kernel.run(ADD) == "2"
    (line,) = refused(caplog)
    assert reason in line


@pytest.mark.parametrize("options", [{"stdin": subprocess.PIPE}, {"umask": 0o077}])
def test_what_a_fork_cannot_be_given_means_an_ordinary_kernel(warm, start, caplog, options):
    assert start(warm, **options).run(ADD) == "2"
    assert len(refused(caplog)) == 1


def test_a_command_that_is_no_launcher_means_an_ordinary_kernel():
    with pytest.raises(KernelServerError, match="isn't started by python -m ipykernel_launcher"):
        launch.launch(["python", "kernel.py"], idle=60)


def test_an_interpreter_that_is_not_there_is_told(runtime):
    with pytest.raises(KernelServerError, match="No kernel server could be started"):
        launch.launch(["/no/python", "-m", "ipykernel_launcher"], idle=60)
