"""Each finding still happens: its reproduction prints what its record says."""

import ast
import os
import subprocess
import sys

import pytest
from tools.findings import FOLDER, findings, pages

from slotscope.checks.differences import differences

FINDINGS = findings()


def statements(code):
    """Lines of a reproduction, without blank ones and imports of the setting."""
    return [line for line in code.splitlines() if line.strip()]


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.slug)
def test_it_happens(finding, tmp_path):
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    command = [sys.executable, "-c", finding.reproduction]
    run = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert run.stdout == finding.prints


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
