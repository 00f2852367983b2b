"""Each finding still happens: its reproduction prints what the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "findings.md").read_text()
FINDINGS = re.findall(
    r"^## (.*?)$.*?```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, flags=re.DOTALL | re.MULTILINE
)


def test_each_finding_has_a_short_reproduction():
    assert len(FINDINGS) == PAGE.count("\n## ")
    assert all(code.count("\n") <= 18 for _, code, _ in FINDINGS)


@pytest.mark.parametrize(
    ("code", "printed"), [found[1:] for found in FINDINGS], ids=[found[0] for found in FINDINGS]
)
def test_it_happens(code, printed):
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout == printed
