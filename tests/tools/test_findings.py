"""Each finding still happens: its reproduction prints what its record says."""

import ast
import os
import re
import subprocess
import sys

import pytest
from tools.findings import FOLDER, findings, pages

from slotscope.checks.data.known_differences import differences

FINDINGS = findings()


def statements(code):
    """Lines of a reproduction, without blank ones and imports of the setting."""
    return [line for line in code.splitlines() if line.strip()]


#: Imports once what takes seconds, and runs each reproduction in a copy of itself.
PROGRAM = """
import importlib, os, runpy, sys, traceback

importlib.import_module(sys.argv[1])
for folder in map(str.strip, sys.stdin):
    child = os.fork()
    if not child:
        os.chdir(folder)
        for descriptor, name in ((1, "printed"), (2, "errors")):
            os.dup2(os.open(name, os.O_CREAT | os.O_WRONLY), descriptor)
        try:
            runpy.run_path("reproduction.py", run_name="__main__")
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def importer(package, backend):
    """A process that has imported Keras."""
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, package],
        env=environment | ({"KERAS_BACKEND": backend} if backend else {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def printed():
    """What a reproduction prints, run in a folder."""
    processes = {}

    def run(code, folder):
        chosen = re.search(r'os.environ\["KERAS_BACKEND"\] = "(\w+)"', code)
        needed = ("keras", chosen[1]) if chosen else ("tf_keras", "")
        if needed not in processes:
            processes[needed] = importer(*needed)
        process = processes[needed]
        (folder / "reproduction.py").write_text(code, "utf-8")
        print(folder, file=process.stdin, flush=True)
        assert process.stdout.readline() == "0\n", (folder / "errors").read_text("utf-8")
        return (folder / "printed").read_text("utf-8")

    yield run
    for process in processes.values():
        process.communicate()


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.slug)
def test_it_happens(finding, printed, tmp_path):
    assert printed(finding.reproduction, tmp_path) == finding.prints


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.slug)
def test_its_reproduction_is_short_and_needs_only_keras(finding):
    assert len(statements(finding.reproduction)) <= 15
    imports = [
        node for node in ast.walk(ast.parse(finding.reproduction)) if isinstance(node, ast.Import)
    ]
    imported = {alias.name.partition(".")[0] for node in imports for alias in node.names}
    assert imported <= {"json", "os", "keras", "tf_keras", "numpy", "tensorflow", "jax", "torch"}


def test_every_page_is_made_from_its_record():
    for path, text in pages().items():
        assert path.read_text("utf-8") == text, f"{path.name}: run python -m tools.findings"
    assert {path.name for path in FOLDER.glob("*.md")} == {path.name for path in pages()}


def test_every_known_difference_with_a_page_is_written_up():
    written = {f"findings/{finding.slug}.md" for finding in FINDINGS}
    assert {difference.page for difference in differences() if difference.page} <= written
