"""A server starts once, serves its user alone, is never out of date, and ends."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap

import pytest
from waiting import HANGS, until
from warm_cases import alive

from slotscope.errors import KernelServerError
from slotscope.kernels import launch, servers, spec
from slotscope.kernels.fingerprint import fingerprint
from slotscope.kernels.provisioner import STARTED
from slotscope.kernels.server import preload, wire

pytestmark = pytest.mark.kernels

ADD = "print(1 + 1)"


def install(name, runtime, **config):
    spec.install(name, name, user=False, prefix=str(runtime / "jupyter"), **config)


def only():
    (server,) = servers.running()
    return server


def test_a_server_has_one_thread(warm, start):
    start(warm)
    assert only().ask(do="status")["threads"] == 1


def test_two_sessions_that_start_one_at_once_get_one(warm):
    script = f"""
        import os
        from jupyter_client.manager import start_new_kernel
        manager, client = start_new_kernel(kernel_name={warm!r})
        reply = client.execute_interactive("import os; print('parent', os.getppid())")
        manager.shutdown_kernel(now=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    options = {"stdout": subprocess.PIPE, "text": True}
    sessions = [subprocess.Popen(command, **options) for _ in range(3)]
    printed = [session.communicate()[0] for session in sessions]
    assert printed == 3 * [f"parent {only().pid}\n"]


def test_the_socket_is_the_users_alone(warm, start):
    start(warm)
    folder = servers.folder()
    modes = {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {".sock": 0o600, ".json": 0o600, ".lock": 0o600, ".log": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("request_", [{}, {"token": "x"}, {"token": None}, {"token": "ü" * 64}])
def test_a_request_without_the_token_gets_nothing(warm, start, request_):
    start(warm)
    with only().connect() as connection:
        wire.send(connection, {"do": "status", **request_})
        with pytest.raises(ConnectionError):
            wire.receive(connection)
    assert only().ask(do="status")["forked"] == 1


@pytest.mark.parametrize("bytes_", [b"", b"\0", b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\2[]"])
def test_what_is_no_request_does_no_harm(warm, start, bytes_):
    start(warm)
    with only().connect() as connection:
        connection.sendall(bytes_)
    assert start(warm).run(ADD) == "2"
    assert STARTED == {"warm": 2}


def test_a_folder_that_others_may_enter_is_refused(warm, start, caplog):
    folder = servers.folder()
    folder.chmod(0o755)
    assert start(warm).run(ADD) == "2"
    folder.chmod(0o700)
    (line,) = refused(caplog)
    assert "Others than you may enter" in line


def test_a_server_ends_when_idle(runtime, start):
    install("brief", runtime, packages=["numpy"], idle=1)
    kernel = start("brief")
    pid = only().pid
    assert kernel.run("import time; time.sleep(1.5); print(2)") == "2"
    assert alive(pid), "it has a kernel"
    kernel.stop()
    until(lambda: not alive(pid))
    assert {path.suffix for path in servers.folder().iterdir()} == {".lock", ".log"}


def test_children_are_waited_for(warm, start):
    pid = start(warm).pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: not os.path.exists(f"/proc/{pid}"))
    assert only().ask(do="status")["kernels"] == []


def test_a_killed_server_takes_no_kernel_with_it_and_the_next_one_gets_another(warm, start):
    kernel, former = start(warm), only().pid
    os.kill(former, signal.SIGKILL)
    until(lambda: not alive(former))
    assert start(warm).run(ADD) == "2"
    assert only().pid != former
    assert STARTED == {"warm": 2}
    assert kernel.run(ADD) == "2"
    kernel.manager.restart_kernel(now=True)
    kernel.client.wait_for_ready(timeout=HANGS)
    assert kernel.run("import os; print(os.getppid())") == str(only().pid)


def test_a_kernel_whose_server_is_gone_can_be_killed(warm, start):
    kernel, former = start(warm), only().pid
    os.kill(former, signal.SIGKILL)
    kernel.manager.shutdown_kernel(now=True)
    until(lambda: not alive(kernel.pid))
    assert not kernel.manager.is_alive()


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
                until(lambda: not alive(self.pid))
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


def test_a_changed_environment_has_a_server_of_its_own(warm, start):
    environment = dict(os.environ)
    start(warm, env=environment)
    former = only().pid
    parents = []
    for name in ("KERAS_BACKEND", "TF_ENABLE_ONEDNN_OPTS", "OMP_NUM_THREADS", "PYTHONOPTIMIZE"):
        kernel = start(warm, env={**environment, name: "1"})
        parents.append(kernel.run(f"import os; print(os.getppid(), os.environ['{name}'])"))
    assert len({former, *(int(text.split()[0]) for text in parents)}) == 5
    assert [text.split()[1] for text in parents] == 4 * ["1"]


def test_a_variable_that_nothing_reads_at_import_changes_no_server(warm, start):
    start(warm)
    kernel = start(warm, env={**os.environ, "MINE": "here"})
    assert kernel.run("import os; print(os.getppid(), os.environ['MINE'])") == f"{only().pid} here"


def test_the_hash_seed_is_the_environments(warm, start):
    kernels = [start(warm, env={**os.environ, "PYTHONHASHSEED": n}) for n in "112"]
    one, same, two = (kernel.run("print(hash('slot'))") for kernel in kernels)
    assert one == same != two


def test_what_configures_the_imports_makes_a_server_out_of_date(warm, start, tmp_path):
    environment = {**os.environ, "KERAS_HOME": str(tmp_path)}
    kernel, former = start(warm, env=environment), only().pid
    (tmp_path / "keras.json").write_text("{}")
    assert start(warm, env=environment).run(ADD) == "2"
    assert only().pid != former
    assert STARTED == {"warm": 2}
    assert kernel.run(ADD) == "2"
    kernel.stop()
    until(lambda: not alive(former))


def test_what_never_stays_as_it_is_means_an_ordinary_kernel(warm, start, tmp_path, caplog):
    settings = tmp_path / "keras.json"
    settings.write_text("{}")
    os.utime(settings, (2**32, 2**32))
    assert start(warm, env={**os.environ, "KERAS_HOME": str(tmp_path)}).run(ADD) == "2"
    (line,) = refused(caplog)
    assert line.endswith(f"Its server went away 3 times: {settings} has changed.")


def test_an_installation_changes_the_listing(tmp_path):
    (tmp_path / "module.py").touch()
    before = preload.listing([str(tmp_path)])
    (tmp_path / "other.py").touch()
    assert preload.listing([str(tmp_path)]) == before
    (tmp_path / "other-1.0.dist-info").mkdir()
    assert preload.listing([str(tmp_path)]) != before


def test_a_package_in_a_folder_of_the_users_is_not_imported_before_the_notebook(
    runtime, start, tmp_path
):
    (tmp_path / "sklearn").mkdir()
    (tmp_path / "sklearn" / "__init__.py").write_text("mine = True")
    install("mine", runtime, packages=["sklearn"])
    kernel = start("mine", env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert kernel.run("import sys; print('sklearn' in sys.modules)") == "False"
    assert kernel.run("import sklearn; print(sklearn.mine)") == "True"
    assert STARTED == {"warm": 1}


def refused(caplog):
    """The lines that say why a kernel is an ordinary one."""
    return [r.getMessage() for r in caplog.records if r.name == "slotscope.kernels.provisioner"]


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
server = loop.Server(Preloaded(), Path(sys.argv[1]), sys.argv[2], 600, json.loads(sys.argv[3]))
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
        monkeypatch.setattr(launch, "find_or_start", lambda *_: only())
        kernel = start(warm)
        assert kernel.run("import os; print(os.getppid())") == str(os.getpid())
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


def test_a_path_too_long_for_a_socket_is_told(runtime, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("x" * 90)))
        with pytest.raises(KernelServerError, match="too long for a socket"):
            servers.folder()


def test_a_relative_path_is_part_of_the_fingerprint():
    def name(path, folder):
        return fingerprint("python", (), {"PYTHONPATH": path}, folder).name

    assert name("/src", "/a") == name("/src", "/b")
    assert name("src", "/a") != name("src", "/b")


def test_descriptors_travel_and_are_closed_in_programs_that_are_run():
    one, two = socket.socketpair()
    with one, two:
        wire.send(one, {"n": 1}, [0, 1])
        wire.send(one, {"n": 2})
        first, descriptors = wire.receive(two)
        assert (first, len(descriptors)) == ({"n": 1}, 2)
        assert not any(os.get_inheritable(descriptor) for descriptor in descriptors)
        wire.close(descriptors)
        assert wire.receive(two) == ({"n": 2}, [])
        one.close()
        with pytest.raises(ConnectionError):
            wire.receive(two)
