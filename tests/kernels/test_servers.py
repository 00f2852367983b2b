"""A server starts once, serves its user alone, is never out of date, and ends."""

import os
import signal
import stat
import subprocess
import sys
import textwrap

import pytest
from waiting import HANGS, ended, until
from warm_cases import ADD, PARENT, install, the_server

from slotscope.errors import KernelServerError
from slotscope.kernels import servers
from slotscope.kernels.provisioner import STARTED
from slotscope.kernels.server import wire

pytestmark = pytest.mark.kernels


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
    assert printed == 3 * [f"parent {the_server().pid}\n"]


def test_the_socket_is_the_users_alone(warm, start):
    start(warm)
    folder = servers.folder()
    modes = {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {".sock": 0o600, ".json": 0o600, ".lock": 0o600, ".log": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("request_", [{}, {"token": "x"}, {"token": None}, {"token": "ü" * 64}])
def test_a_request_without_the_token_gets_nothing(warm, start, request_):
    start(warm)
    with the_server().connect() as connection:
        wire.send(connection, {"do": "status", **request_})
        with pytest.raises(ConnectionError):
            wire.receive(connection)
    assert the_server().ask(do="status")["forked"] == 1


@pytest.mark.parametrize("bytes_", [b"", b"\0", b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\2[]"])
def test_what_is_no_request_does_no_harm(warm, start, bytes_):
    start(warm)
    with the_server().connect() as connection:
        connection.sendall(bytes_)
    assert start(warm).run(ADD) == "2"
    assert STARTED == {"warm": 2}


def test_a_server_ends_when_idle(runtime, start):
    install("brief", runtime, packages=["numpy"], idle=1)
    kernel = start("brief")
    pid = the_server().pid
    assert kernel.run("import time; time.sleep(1.5); print(2)") == "2"
    assert not ended(pid), "it has a kernel"
    kernel.stop()
    until(lambda: ended(pid))
    assert {path.suffix for path in servers.folder().iterdir()} == {".lock", ".log"}


def test_children_are_waited_for(warm, start):
    pid = start(warm).pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: not os.path.exists(f"/proc/{pid}"))
    assert the_server().ask(do="status")["kernels"] == []


def test_a_killed_server_takes_no_kernel_with_it_and_the_next_one_gets_another(warm, start):
    kernel, former = start(warm), the_server().pid
    os.kill(former, signal.SIGKILL)
    until(lambda: ended(former))
    assert start(warm).run(ADD) == "2"
    assert the_server().pid != former
    assert STARTED == {"warm": 2}
    assert kernel.run(ADD) == "2"
    kernel.manager.restart_kernel(now=True)
    kernel.client.wait_for_ready(timeout=HANGS)
    assert kernel.run(PARENT) == str(the_server().pid)


def test_a_kernel_whose_server_is_gone_can_be_killed(warm, start):
    kernel, former = start(warm), the_server().pid
    os.kill(former, signal.SIGKILL)
    kernel.manager.shutdown_kernel(now=True)
    until(lambda: ended(kernel.pid))
    assert not kernel.manager.is_alive()


def test_a_changed_environment_has_a_server_of_its_own(warm, start):
    environment = dict(os.environ)
    start(warm, env=environment)
    former = the_server().pid
    parents = []
    for name in ("KERAS_BACKEND", "TF_ENABLE_ONEDNN_OPTS", "OMP_NUM_THREADS", "PYTHONOPTIMIZE"):
        kernel = start(warm, env={**environment, name: "1"})
        parents.append(kernel.run(f"import os; print(os.getppid(), os.environ['{name}'])"))
    assert len({former, *(int(text.split()[0]) for text in parents)}) == 5
    assert [text.split()[1] for text in parents] == 4 * ["1"]


def test_a_variable_that_nothing_reads_at_import_changes_no_server(warm, start):
    start(warm)
    kernel = start(warm, env={**os.environ, "MINE": "here"})
    assert (
        kernel.run("import os; print(os.getppid(), os.environ['MINE'])")
        == f"{the_server().pid} here"
    )


def test_the_hash_seed_is_the_environments(warm, start):
    kernels = [start(warm, env={**os.environ, "PYTHONHASHSEED": n}) for n in "112"]
    one, same, two = (kernel.run("print(hash('slot'))") for kernel in kernels)
    assert one == same != two


def test_what_configures_the_imports_makes_a_server_out_of_date(warm, start, tmp_path):
    environment = {**os.environ, "KERAS_HOME": str(tmp_path)}
    kernel, former = start(warm, env=environment), the_server().pid
    (tmp_path / "keras.json").write_text("{}")
    assert start(warm, env=environment).run(ADD) == "2"
    assert the_server().pid != former
    assert STARTED == {"warm": 2}
    assert kernel.run(ADD) == "2"
    kernel.stop()
    until(lambda: ended(former))


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


def test_a_path_too_long_for_a_socket_is_told(runtime, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("x" * 90)))
        with pytest.raises(KernelServerError, match="too long for a socket"):
            servers.folder()
