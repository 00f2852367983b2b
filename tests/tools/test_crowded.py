"""`python -m tools.crowded`: other work really runs, ends, and what it changes is told."""

import subprocess
import sys
import textwrap

import psutil
import pytest
from click.testing import CliRunner
from waiting import until

from tools import crowded

#: A command that gives one verdict: each time it is run the next of those in a file.
COMMAND = """
import json, pathlib, sys
verdicts = pathlib.Path("verdicts").read_text().split()
pathlib.Path("verdicts").write_text(" ".join(verdicts[1:]))
outcome = {"id": "check_a", "verdict": verdicts[0], "reason": ""}
report = {"optimizer": "Adam", "outcomes": [outcome]}
pathlib.Path(sys.argv[2]).write_text(json.dumps({"reports": [report]}))
"""


@pytest.fixture
def part(tmp_path, monkeypatch):
    """A part whose command is run in a folder of its own, and what it says each time."""
    (tmp_path / "verdict_giver.py").write_text(textwrap.dedent(COMMAND))
    monkeypatch.chdir(tmp_path)
    made = crowded.Part("small", "verdict_giver", (), "--json", crowded.outcomes)
    monkeypatch.setattr(crowded, "ALL", [made])
    return lambda verdicts: (tmp_path / "verdicts").write_text(verdicts)


def main(*words):
    return CliRunner().invoke(crowded.main, ["--processes", "2", *words])


def test_the_same_verdicts_are_no_difference(part):
    part("holds holds")
    done = main()
    assert done.exit_code == 0, done.output
    assert "small: 1 verdicts, 0 differ" in done.output


def test_another_verdict_is_told_and_fails(part):
    part("holds violated")
    done = main("small")
    assert done.exit_code == 1
    assert "check_a of Adam\n    calm:    holds \n    crowded: violated " in done.output
    assert "2 busy processes" in done.output


def test_a_command_that_says_nothing_differs(part):
    part("holds")
    done = main()
    assert done.exit_code == 1
    assert "crowded: not run" in done.output
    assert "IndexError" in done.output


def test_a_part_that_is_none_is_refused(part):
    done = main("large")
    assert done.exit_code == 2
    assert "No part is called large" in done.output


def test_busy_processes_compute_and_end():
    with crowded.busy(2) as numbers:
        processes = [psutil.Process(number) for number in numbers]
        until(lambda: all(process.cpu_times().user > 0.2 for process in processes))
    assert not any(process.is_running() for process in processes)


def test_busy_processes_end_also_after_an_error():
    processes = []

    def interrupted():
        with crowded.busy(1) as numbers:
            processes.append(psutil.Process(numbers[0]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not processes[0].is_running()


def test_busy_processes_end_also_where_who_started_them_is_killed():
    code = (
        "import time\n"
        "from tools import crowded\n"
        "with crowded.busy(1) as numbers:\n"
        "    print(numbers[0], flush=True)\n"
        "    time.sleep(1_000_000)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with starter:
        process = psutil.Process(int(starter.stdout.readline()))
        starter.kill()
    until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


def test_results_of_pytest_are_read(tmp_path):
    (tmp_path / "test_some.py").write_text(
        "import pytest\n"
        "def test_a(): pass\n"
        "def test_b(): assert False\n"
        "def test_c(): pytest.skip('no')\n"
    )
    file = tmp_path / "found.xml"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    subprocess.run([*command, str(tmp_path), "--junit-xml", str(file)], stdout=subprocess.DEVNULL)
    found = crowded.results(file)
    assert {name.split()[-1]: said for name, said in found.items()} == {
        "test_a": "passed",
        "test_b": "Failure",
        "test_c": "Skipped",
    }
