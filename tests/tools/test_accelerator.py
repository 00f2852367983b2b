"""`nox -s accelerator` says what it runs, or that there is nothing to run it on."""

import subprocess

import pytest

from slotscope.processes.worker import SHARING, Worker
from tools import accelerator


@pytest.fixture
def ran(monkeypatch):
    """The commands that were run, each of which ends well; engines are where ``places`` says."""
    commands = []

    def done(command, **_):
        commands.append(" ".join(command[1:]))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(accelerator.subprocess, "run", done)
    return commands


def placed(monkeypatch, **places):
    found = {f"keras-{name}": place for name, place in places.items()}
    monkeypatch.setattr(accelerator, "place", lambda engine, _: found[engine])


def test_where_there_is_none_it_says_so_and_what_was_not_run(monkeypatch, capsys, ran):
    placed(monkeypatch, jax=("cpu", "cpu:0"), torch=("cpu", "cpu"))
    assert accelerator.main([]) == 0
    said = capsys.readouterr().out
    assert "no accelerator here for keras-jax and keras-torch" in said
    assert "not run: python -m tools.everything keras-torch" in said
    assert "not run: python -m pytest tests/recording/test_meters.py" in said
    assert not ran


def test_where_one_is_required_its_absence_is_a_failure(monkeypatch, ran):
    placed(monkeypatch, jax=("gpu", "cuda:0"), torch=("cpu", "cpu"))
    assert accelerator.main(["--require"]) == 1
    assert accelerator.main(["--require", "keras-jax"]) == 0


def test_what_has_one_is_run_and_named(monkeypatch, capsys, ran):
    placed(monkeypatch, jax=("gpu", "cuda:0"), torch=("cpu", "cpu"))
    assert accelerator.main(["--quick"]) == 0
    assert "keras-jax: cuda:0" in capsys.readouterr().out
    tests, checks = ran
    assert tests.startswith("-m pytest tests/recording/test_meters.py")
    assert " -k keras-jax " in tests
    assert checks == "-m tools.everything keras-jax --quick"


def test_a_framework_that_cannot_be_asked_is_said_with_its_reason(monkeypatch, capsys, ran):
    placed(monkeypatch, jax=("", "EngineUnavailableError: no jax"), torch=("cuda", "cuda:0"))
    assert accelerator.main([]) == 0
    assert "keras-jax: cannot be asked: EngineUnavailableError: no jax" in capsys.readouterr().out


def test_a_failure_is_said_in_the_end(monkeypatch, capsys):
    placed(monkeypatch, torch=("cuda", "cuda:0"))
    monkeypatch.setattr(
        accelerator.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1)
    )
    assert accelerator.main(["keras-torch"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "failed: python -m tools.everything keras-torch"


def variables(*_):
    import os

    return {name: os.environ.get(name) for name in SHARING}


def test_processes_that_work_side_by_side_take_memory_as_they_need_it(monkeypatch):
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "true")
    expected = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "true"}
    with Worker() as process:
        assert process.ask(None, variables) == expected
