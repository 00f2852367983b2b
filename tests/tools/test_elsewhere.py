"""On a device that is not the CPU, the checks come to the verdicts that they come to on it.

There is none where tests run, so one is simulated in a process of its own (tools/elsewhere): of
torch, one that refuses what CUDA refuses; of JAX, the second of two.
"""

import json
import subprocess
import sys

import pytest

from slotscope.story import recorded_verdicts
from tools import accelerator

#: Checks that read a tensor, make one, train in another way, or start another process.
TELLING = (
    "check_a_copy_has_the_state_or_says_that_it_has_not",
    "check_a_step_leaves_its_gradients_as_they_were",
    "check_every_way_of_training_ends_like_single_steps",
    "check_iterations_are_steps_not_calls",
    "check_training_resumes_after_a_kill",
    "check_training_resumes_from_a_file",
)


def run(engine, *command):
    """What a Python process writes whose frameworks work elsewhere."""
    environment = accelerator.environment(engine, simulated=True)
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def counts(engine, optimizer, folder, *options):
    """How many checks came to each verdict."""
    file = folder / "record.json"
    run(engine, "-m", "slotscope", "check", optimizer, "--engine", engine, "--json", file, *options)
    (report,) = json.loads(file.read_text("utf-8"))["reports"]
    return report["counts"]


REFUSED = """
import os
import numpy as np
import keras, torch
weight = keras.Variable([1.0, 2.0])
def said(function):
    try:
        return function()
    except (RuntimeError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
print(weight.value.device.type)
print(said(lambda: np.asarray(weight.value.detach())))
print(said(lambda: weight.value * torch.ones(2)))
print(keras.ops.convert_to_numpy(weight.value))
print(said(lambda: (weight.value * 2).cpu()), flush=True)
if os.fork():
    os.wait()
else:
    print(said(lambda: weight.value * 2), flush=True)
    os._exit(0)
"""


def test_the_simulated_device_refuses_what_cuda_refuses(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    place, read, mixed, whole, carried, forked = run("keras-torch", "-c", REFUSED).splitlines()
    assert place == "elsewhere"
    assert read.startswith("TypeError: can't convert elsewhere:0 device type tensor to numpy")
    assert mixed.startswith("RuntimeError: Expected all tensors to be on the same device")
    assert whole == "[1. 2.]"
    assert carried.startswith("tensor([2., 4.]")
    assert forked.startswith("RuntimeError: Cannot re-initialize elsewhere in forked subprocess")


def test_every_check_of_adam_says_what_it_says_on_the_cpu(tmp_path):
    every = recorded_verdicts.recorded().set_index(recorded_verdicts.KEYS)
    recorded = every.loc[("keras-torch", "Adam")]
    found = counts("keras-torch", "Adam", tmp_path)
    # Nothing is recorded while something is undecided.
    assert found == {verdict: recorded.get(verdict, 0) for verdict in found}


@pytest.mark.parametrize("optimizer", ["Adafactor", "Lion", "Muon", "SGD"])
def test_the_telling_checks_hold(optimizer, tmp_path):
    only = [word for name in TELLING for word in ("--only", name)]
    found = counts("keras-torch", optimizer, tmp_path, *only)
    assert found["violated"] == 0
    assert found["holds"] >= len(TELLING)


@pytest.mark.parametrize("options", [["--quick"], [w for n in TELLING for w in ("--only", n)]])
def test_nothing_of_jax_is_pinned_to_the_first_device(options, tmp_path):
    assert accelerator.place("keras-jax", accelerator.environment("keras-jax", True))[1] == "cpu:1"
    found = counts("keras-jax", "Adam", tmp_path, *options)
    assert found["violated"] == 0
    assert found["holds"] >= len(TELLING)


def test_measuring_inside_of_the_step_and_watching_do_there_what_they_do_here():
    tests, _ = accelerator.commands("keras-torch", [])
    assert " passed" in run("keras-torch", *tests)
