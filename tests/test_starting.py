"""Starting costs little: what is imported, counted. How long it takes is for the benchmark."""

import subprocess
import sys

import pytest

from slotscope.kernels.server import frameworks

pytestmark = pytest.mark.kernels

FRAMEWORKS = {framework.name for framework in frameworks.FRAMEWORKS}
HEAVY = FRAMEWORKS | {"IPython", "jupyter_client", "matplotlib", "numpy", "pandas", "zmq"}


def modules(source):
    """The modules that a process has imported after it ran `source`."""
    command = [sys.executable, "-c", f"{source}\nimport sys; print('modules', *sys.modules)"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return set(printed.splitlines()[-1].split()[1:])


@pytest.fixture(scope="module")
def bare():
    return modules("")


def test_importing_the_package_imports_no_framework_and_little_else(bare):
    imported = modules("import slotscope") - bare
    assert imported & HEAVY == set()
    # Besides itself the place where it says what draws a recording, which imports nothing.
    recording = {"slotscope.recording", "slotscope.recording.drawing"}
    assert {name for name in imported if name.startswith("slotscope")} == {"slotscope", *recording}
    assert len(imported) < 60


@pytest.mark.parametrize("command", [["--help"], ["kernels", "--help"], ["check", "--help"]])
def test_help_imports_no_framework_and_little_else(bare, command):
    source = f"from slotscope.cli import main\nmain({command}, standalone_mode=False)"
    imported = modules(source) - bare
    assert imported & HEAVY == set()
    assert len(imported) < 200


def test_the_import_of_a_framework_is_silent():
    source = """
import slotscope
for name in ("tf_keras", "keras-tensorflow", "tf_keras-legacy"):
    assert slotscope.engine(name).keras
"""
    result = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
