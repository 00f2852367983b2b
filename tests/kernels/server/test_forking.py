"""What a process has open, or at work, tells whether a copy of it could go on."""

import os
import threading

import pytest

from slotscope.kernels.server import forking


@pytest.fixture
def null(monkeypatch):
    """An open device file: /dev/null's, which counts as if it were a driver's."""
    monkeypatch.setattr(forking, "MEMORY", -1)
    with open(os.devnull) as file:
        yield file


def test_a_device_that_is_open_is_seen(null):
    assert os.devnull in forking.devices()


def test_what_holds_nothing_is_no_device():
    with open(os.devnull), open("/dev/urandom", "rb"):
        assert forking.devices() == []


def test_a_terminal_is_no_device(monkeypatch):
    main, side = os.openpty()
    try:
        assert forking.devices() == []
    finally:
        os.close(main)
        os.close(side)


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_a_device_that_the_environment_hides_does_not_count(hidden, monkeypatch):
    monkeypatch.setattr(forking, "_opened", lambda: iter(["/dev/nvidiactl", "/dev/other"]))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert forking.devices() == ["/dev/other"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert forking.devices() == ["/dev/nvidiactl", "/dev/other"]


def test_a_hindrance_says_what_it_is(monkeypatch):
    monkeypatch.setattr(forking, "threads", lambda: ["python"])
    monkeypatch.setattr(forking, "devices", list)
    assert forking.hindrance() == ""
    monkeypatch.setattr(forking, "devices", lambda: ["/dev/nvidia0", "/dev/nvidiactl"])
    assert forking.hindrance() == "a driver's files open: /dev/nvidia0, /dev/nvidiactl"
    monkeypatch.setattr(forking, "threads", lambda: ["python", "worker"])
    assert forking.hindrance() == "2 threads: python, worker"


def test_every_thread_is_counted():
    before, over = len(forking.threads()), threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    assert len(forking.threads()) == before + 1
    over.set()
    thread.join()
