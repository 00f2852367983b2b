"""A forked kernel is a kernel like any other."""

import os
import random
import signal
import subprocess
import sys
import textwrap

import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from waiting import HANGS, ended, until
from warm_cases import PARENT, notebook, the_server

from slotscope.kernels import servers
from slotscope.kernels.provisioner import STARTED

pytestmark = pytest.mark.kernels


def server_pids():
    return [server.pid for server in servers.known()]


def test_kernels_are_forked_from_one_server(warm, start):
    kernels = [start(warm), start(warm)]
    parents = {kernel.run(PARENT) for kernel in kernels}
    assert [int(parent) for parent in parents] == server_pids()
    assert STARTED == {"warm": 2}


def test_the_kernel_is_the_process_that_is_known(warm, start):
    kernel = start(warm)
    assert kernel.run("import os; print(os.getpid(), os.getpgid(0), os.getsid(0))") == " ".join(
        3 * [str(kernel.pid)]
    )


def test_output_of_every_level_is_captured(warm, start, monkeypatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)  # ipykernel looks for it
    kernel = start(warm)
    assert kernel.run("print('from Python')") == "from Python"
    assert kernel.run("import sys; print('an error', file=sys.stderr)") == "an error"
    assert kernel.run("import os; _ = os.system('echo from C')") == "from C"


#: What a program can see of its process, as one line.
SEEN = """
import gc, os, resource, signal, sys, threading
print([
    os.getcwd(), os.environ.get("ASKED"), "PATH" in os.environ, sys.path, sys.argv[0], sys.argv[1],
    len(sys.argv), [sys.orig_argv[0], *sys.orig_argv[-2:-1]], sys.flags, sys.warnoptions,
    [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)],
    signal.pthread_sigmask(signal.SIG_BLOCK, ()), os.umask(0o077), os.sched_getaffinity(0),
    resource.getrlimit(resource.RLIMIT_NOFILE), os.getpriority(os.PRIO_PROCESS, 0),
    os.getsid(0) == os.getpid() == os.getpgid(0), sys.stdin.read(), sys.executable,
    __name__, "__file__" in globals(), gc.isenabled(), threading.current_thread().name,
])
"""


def test_a_program_sees_what_it_sees_in_an_ordinary_kernel(warm, start, tmp_path):
    environment = {**os.environ, "ASKED": "for"}
    environment.pop("PATH")
    seen = [start(n, cwd=str(tmp_path), env=environment).run(SEEN) for n in ("python3", warm)]
    assert seen[0].startswith(f"['{tmp_path}', 'for', False")
    assert seen[0] == seen[1]
    assert STARTED == {"warm": 1}


@pytest.mark.parametrize("draw", ["random.random()", "numpy.random.rand()"])
def test_random_numbers_differ_between_kernels(warm, start, draw):
    source = f"import random, numpy; print({draw})"
    assert len({start(warm).run(source) for _ in range(3)}) == 3


def test_the_code_under_test_is_in_no_kernel(warm, start):
    cell = "import sys; print([m for m in sys.modules if 'slotscope' in m or 'warm' in m])"
    assert start(warm).run(cell) == "[]"


def test_an_edit_is_seen_by_the_next_kernel(warm, start, tmp_path):
    number = random.randrange(10**9)
    for text in (f"number = {number}", f"number = {number} + 1"):
        (tmp_path / "under_test.py").write_text(text)
        kernel = start(warm, cwd=str(tmp_path))
        printed = kernel.run("import under_test; print(under_test.number)")
        assert printed == str(eval(text.partition("= ")[2]))
    assert len(server_pids()) == 1


def test_input_fails_as_it_should(warm):
    client = NotebookClient(notebook("input('who?')"), kernel_name=warm)
    with pytest.raises(CellExecutionError, match="StdinNotImplementedError"):
        client.execute()


def test_a_figure_appears(warm):
    cells = notebook("import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])")
    NotebookClient(cells, kernel_name=warm).execute()
    assert [set(output.data) for output in cells.cells[0].outputs] == [{"image/png", "text/plain"}]


def test_a_kernel_is_interrupted(warm, start):
    kernel = start(warm)
    # With stop_on_error, a kernel aborts what it is asked in the moment after the error.
    cell = "import time\nprint('begun')\ntime.sleep(60)"
    message = kernel.client.execute(cell, stop_on_error=False)
    while kernel.client.get_iopub_msg(timeout=HANGS)["msg_type"] != "stream":
        pass
    kernel.manager.interrupt_kernel()
    reply = kernel.client.get_shell_msg(timeout=HANGS)
    assert reply["parent_header"]["msg_id"] == message
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert kernel.run("print('and runs on')") == "and runs on"


@pytest.mark.parametrize("now", [True, False])
def test_a_kernel_is_restarted(warm, start, now):
    kernel = start(warm)
    kernel.run("kept = 1")
    former = kernel.pid
    kernel.manager.restart_kernel(now=now)
    kernel.client.wait_for_ready(timeout=HANGS)
    assert kernel.run("print(kept)") == "NameError"
    assert kernel.pid != former
    assert ended(former)
    assert STARTED == {"warm": 2}


def test_a_kernel_that_is_killed_is_known_to_be_dead(warm, start):
    kernel = start(warm)
    os.kill(kernel.pid, signal.SIGKILL)
    until(lambda: not kernel.manager.is_alive())
    assert kernel.manager.provisioner.process.returncode == -signal.SIGKILL


def test_how_a_kernel_ended_is_known(warm, start):
    kernel = start(warm)
    kernel.client.execute("import os; os._exit(7)")
    assert kernel.manager.provisioner.process.wait(timeout=HANGS) == 7


#: What a notebook may leave to be done at its kernel's end.
LEFT = """
import atexit, pathlib, threading, time, weakref
file = open("file", "w")
_ = file.write("written")
atexit.register(lambda: pathlib.Path("atexit").touch())
class Held:
    def __del__(self, touch=pathlib.Path("deleted").touch):
        touch()
held = Held()
_ = weakref.finalize(held, pathlib.Path("finalized").touch)
threading.Thread(target=lambda: (time.sleep(0.5), pathlib.Path("thread").touch())).start()
print("done")
"""


@pytest.mark.parametrize("ordinary", [False, True])
def test_what_a_notebook_left_is_done_at_the_end(warm, start, tmp_path, ordinary):
    kernel = start("python3" if ordinary else warm, cwd=str(tmp_path))
    process = kernel.manager.provisioner.process
    assert kernel.run(LEFT) == "done"
    kernel.stop(now=False)
    assert process.returncode == 0
    done = {path.name for path in tmp_path.iterdir()}
    assert done == {"file", "atexit", "finalized", "deleted", "thread"}
    assert (tmp_path / "file").read_text() == "written"


@pytest.mark.parametrize("independent", [False, True])
def test_a_kernel_ends_with_the_process_that_started_it(warm, independent):
    script = f"""
        import time
        from jupyter_client.manager import KernelManager
        manager = KernelManager(kernel_name={warm!r})
        manager.start_kernel(independent={independent})
        client = manager.client()
        client.start_channels()
        client.wait_for_ready(timeout={HANGS})
        print("pid", manager.provisioner.pid, flush=True)
        time.sleep(600)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        line = next(line for line in owner.stdout if line.startswith("pid"))
        pid = int(line.split()[1])
        owner.kill()
        owner.wait()
        if not independent:
            until(lambda: ended(pid))
        else:
            server = the_server()
            assert server.ask(do="status")["kernels"] == [pid]
            os.kill(pid, signal.SIGKILL)
            until(lambda: server.ask(do="status")["kernels"] == [])


#: The sockets on files that this process has open.
SOCKETS = """
import contextlib, os
held = set()
for number in os.listdir("/proc/self/fd"):
    with contextlib.suppress(FileNotFoundError):  # the listing's own, closed since
        held.add(os.readlink(f"/proc/self/fd/{number}") if int(number) > 2 else "")
lines = [line.split() for line in open("/proc/net/unix")]
print(len([line for line in lines if f"socket:[{line[6]}]" in held]))
"""


def test_no_kernel_holds_what_is_the_servers_or_another_kernels(warm, start):
    start(warm)
    assert [start(warm).run(SOCKETS) for _ in range(2)] == [start("python3").run(SOCKETS)] * 2


def test_streams_go_where_they_are_sent(warm, start, tmp_path):
    with open(tmp_path / "out", "w") as out:
        kernel = start(warm, stdout=out, stderr=subprocess.STDOUT)
        kernel.run("import sys; print('to the log', file=sys.__stdout__, flush=True)")
        kernel.run("print('errors too', file=sys.__stderr__, flush=True)")
    written = (tmp_path / "out").read_text()
    assert "to the log" in written
    assert "errors too" in written


def test_a_pipe_can_be_read(warm, start):
    kernel = start(warm, stdout=subprocess.PIPE)
    kernel.run("import sys; print('through a pipe', file=sys.__stdout__, flush=True)")
    assert kernel.manager.provisioner.process.stdout.readline() == b"through a pipe\n"
