"""`slotscope kernels install | list | stop`, as a person types them."""

import json
import os
from pathlib import Path

import pytest
from commands import command
from waiting import ended, until
from warm_cases import ADD, the_server

from slotscope.kernels import servers

pytestmark = pytest.mark.kernels


def test_install_writes_a_kernelspec_for_this_interpreter(tmp_path):
    result = command(
        "kernels", "install", "--prefix", str(tmp_path), "--idle", "60", "--package", "numpy"
    )
    assert result.exit_code == 0
    folder = tmp_path / "share" / "jupyter" / "kernels" / "slotscope-warm"
    assert result.output == f"Installed the kernel slotscope-warm in {folder}\n"
    kernel = json.loads((folder / "kernel.json").read_text())
    assert kernel["argv"][1:3] == ["-m", "ipykernel_launcher"]
    assert kernel["metadata"]["kernel_provisioner"] == {
        "provisioner_name": "slotscope-warm",
        "config": {"idle": 60.0, "packages": ["numpy"]},
    }
    assert (folder / "logo-64x64.png").is_file()


def test_install_for_one_user(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    assert command("kernels", "install", "--user", "--name", "mine").exit_code == 0
    assert (tmp_path / "kernels" / "mine" / "kernel.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--user", "--prefix", "/x"], "Give one of --user, --sys-prefix and --prefix"),
        (["--idle", "0"], "0.0 is not in the range x>=1"),
        (["--name", "a b"], "The kernel 'a b' can't be installed"),
    ],
)
def test_what_cannot_be_installed_is_told(tmp_path, monkeypatch, arguments, message):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    place = [] if "--user" in arguments else ["--prefix", str(tmp_path)]
    result = command("kernels", "install", *place, *arguments)
    assert result.exit_code != 0
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "share").touch()
    result = command("kernels", "install", "--prefix", str(tmp_path))
    assert result.exit_code == 1
    assert "can't be installed" in result.output


def test_list_shows_each_server_and_its_kernels(warm, start):
    assert command("kernels", "list").output == "No server is running.\n"
    kernel = start(warm)
    server = the_server()
    lines = command("kernels", "list").output.splitlines()
    assert lines[0] == f"{server.name}  pid {server.pid}  kernels {kernel.pid}  1 forked"
    assert "numpy" in lines[2]
    assert f"    HOME={os.environ['HOME']}" in lines
    kernel.stop()
    until(lambda: "  idle for " in command("kernels", "list").output)


def test_stop_ends_a_server(warm, start):
    start(warm).stop()
    server = the_server()
    until(lambda: not server.ask(do="status")["kernels"])
    assert command("kernels", "stop").output == f"{server.name}  pid {server.pid}  ended\n"
    assert ended(server.pid)
    assert command("kernels", "list").output == "No server is running.\n"


def test_stop_leaves_a_living_kernel_and_its_server_until_then(warm, start):
    kernel = start(warm)
    server = the_server()
    expected = f"{server.name}  pid {server.pid}  ends with kernels {kernel.pid}\n"
    assert command("kernels", "stop").output == expected
    assert kernel.run(ADD) == "2"
    assert servers.known() == []
    process = kernel.manager.provisioner.process
    kernel.stop()
    until(lambda: ended(server.pid))
    assert process.returncode is not None


def test_stop_kill_ends_kernels_too(warm, start):
    kernel = start(warm)
    server = the_server()
    assert command("kernels", "stop", "--kill").output.endswith("ended\n")
    assert not Path(f"/proc/{kernel.pid}").exists()
    assert ended(server.pid)
