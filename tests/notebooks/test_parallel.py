"""nbval under pytest-xdist runs whole files in one process, or not at all."""

import shutil

import pytest
from repository_root import ROOT

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.kernels

GOOD = ROOT / "tests" / "tools" / "files" / "good.ipynb"


@pytest.fixture
def run(pytester):
    shutil.copy(GOOD, pytester.path)
    plugin = ("-p", "slotscope.pytest_plugin", "--nbval-current-env")
    return lambda *arguments: pytester.runpytest_subprocess(*plugin, *arguments)


@pytest.mark.parametrize("distribution", [(), ("--dist=worksteal",), ("--dist=load",)])
def test_cells_are_never_dealt_out_one_by_one(run, distribution):
    result = run("--nbval", "-n2", *distribution)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*Add --dist loadscope*"])


def test_lax_validation_is_refused_as_well(run):
    assert run("--nbval-lax", "-n2").ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize("distribution", ["loadscope", "loadfile"])
def test_whole_files_may_run_in_parallel(run, distribution):
    run("--nbval", "-n2", f"--dist={distribution}").assert_outcomes(passed=3)


def test_tests_without_notebooks_are_nobody_elses_business(run):
    assert run("-n2").ret == pytest.ExitCode.NO_TESTS_COLLECTED
