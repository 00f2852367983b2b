"""The plugin of mypy that finds where NumPy is given what may be a tensor."""

import json

import pytest
from mypy import api
from repository_root import ROOT

#: What is read, in a function of an array, a tensor and a model.
FOUND = (
    "np.asarray(model.optimizer.iterations)",
    "np.asarray(tensor, np.float32)",
    "np.array([array, tensor])",
    "np.array([w for w in model.get_weights()])",
    "np.asarray(array * tensor)",
    "np.asarray(np.ldexp(tensor, 2))",
    "np.asarray(-tensor)",
    "np.asarray(model.values[0])",
    "np.array(anything)",
    "np.testing.assert_allclose(tensor, 1)",
    "read(tensor)",
)
NOT_FOUND = (
    "np.asarray(array * 2, np.float32)",
    "np.asarray(np.ldexp(array, 2))",
    "np.array([1.0, array.max(), np.sum(array)])",
    "np.asarray([row * 2 for row in [array]])",
    "np.array(array[0] + array[1])",
    "np.asarray(3)",
    "np.sum(tensor)",
)
HEAD = """import numpy as np
from typing import Any
from numpy import asarray as read

def f(array: np.ndarray, tensor: Any, model: Any, anything: object) -> None:
"""


@pytest.fixture(scope="module")
def complaints(tmp_path_factory):
    """The expressions of which mypy says that NumPy is given what may be a tensor."""
    folder = tmp_path_factory.mktemp("arrays")
    source, settings = folder / "checks.py", folder / "mypy.ini"
    source.write_text(HEAD + "".join(f"    {line}\n" for line in FOUND + NOT_FOUND))
    settings.write_text(f"[mypy]\nplugins = {ROOT / 'tools/arrays_of_tensors.py'}\n")
    given = ("--config-file", settings, "--cache-dir", folder / "cache", "--output=json", source)
    told = [json.loads(line) for line in api.run([str(item) for item in given])[0].splitlines()]
    assert {one["code"] for one in told} == {"tensor"}, told
    lines = source.read_text().splitlines()
    return {lines[one["line"] - 1].strip() for one in told}


@pytest.mark.parametrize("expression", FOUND)
def test_what_may_be_a_tensor_is_found(complaints, expression):
    assert expression in complaints


@pytest.mark.parametrize("expression", NOT_FOUND)
def test_what_is_no_tensor_is_left_alone(complaints, expression):
    assert expression not in complaints
