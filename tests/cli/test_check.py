"""``slotscope check``, as a person and a CI job type it."""

import json
import textwrap

import junitparser
import pytest
from commands import command, refused
from repository_root import ROOT

from slotscope.checking import isolated
from slotscope.checks.selection import checks, theme_names
from slotscope.cli.check import worst
from slotscope.processes import limits

TWICE = "check_same_run_twice_ends_the_same"
ONE = "check_every_step_follows_the_rule[matrix]"
H5 = "check_training_resumes_from_a_file[.h5]"

OPTIMIZERS = """
import collections
import ctypes
import itertools
import os

import keras


class Right(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.125, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)

    def update_step(self, gradient, variable, learning_rate):
        print("a line of its own")
        self.assign_sub(variable, learning_rate * gradient)


class Wrong(Right):
    def update_step(self, gradient, variable, learning_rate):
        self.assign_add(variable, learning_rate * gradient)


class Raises(Right):
    def update_step(self, gradient, variable, learning_rate):
        raise RuntimeError("my own bug")


class Uncopied(Right):
    def __deepcopy__(self, memo):
        raise RuntimeError("not me")


class HangsInC(Right):
    def update_step(self, gradient, variable, learning_rate):
        collections.deque(itertools.repeat(0), maxlen=0)


class Segfaults(Right):
    def update_step(self, gradient, variable, learning_rate):
        ctypes.string_at(0)


class DiesOnce(Right):
    def update_step(self, gradient, variable, learning_rate):
        if not os.path.exists("died"):
            open("died", "w").close()
            os._exit(3)
        self.assign_sub(variable, learning_rate * gradient)


def rule(parameter, gradient, slots, iteration):
    return parameter - 0.125 * gradient, {}
"""

CHECK = ("--engine", "keras-torch", "--reference", "mine:rule")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a module of optimizers, to be in."""
    (tmp_path / "mine.py").write_text(textwrap.dedent(OPTIMIZERS))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words):
    return command("check", *words)


def test_a_right_one_holds(here):
    done = run("mine:Right", *CHECK, "--only", TWICE, "--only", ONE)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Checking Right() on keras-torch (keras")
    assert "2 checks, about" in done.output
    assert "Right on keras-torch: nothing is violated, 2 hold." in done.output
    assert "a line of its own" not in done.output


def test_a_wrong_one_is_shown_and_written_to_every_file(here):
    files = ["--html", "out/r.html", "--json", "out/r.json", "--junit", "out/r.xml"]
    done = run("mine:Wrong", *CHECK, "--only", ONE, *files)
    assert done.exit_code == 1, done.output
    assert "from mine import Wrong\n" in done.output
    assert "1 of 1 check" in done.output
    assert "Wrong on keras-torch" in (here / "out" / "r.html").read_text()
    (report,) = json.loads((here / "out" / "r.json").read_text())["reports"]
    assert report["outcomes"][0]["id"] == ONE
    (suite,) = junitparser.JUnitXml.fromfile("out/r.xml")
    assert suite.failures == 1


def test_an_expected_failure_comes_from_a_file(here):
    (here / "known.toml").write_text(f'[Wrong]\n"{ONE}" = "it climbs"\n')
    known = ["--expected-failures", "known.toml"]
    rate = ["--set", "learning_rate=0.5"]
    done = run("mine.py:Wrong", *rate, *CHECK, "--only", ONE, *known)
    assert done.exit_code == 0, done.output
    assert "Checking Wrong(learning_rate=0.5)" in done.output
    assert "it climbs" in done.output


def test_a_defect_of_keras_is_known_only_where_keras_shows_it(here):
    done = run("mine:Right", "--engine", "keras-torch", "--only", H5)
    assert done.exit_code == 0, done.output
    assert "nothing is violated, 1 known difference." in done.output
    done = run("mine:Raises", "--engine", "keras-torch", "--only", H5)
    assert done.exit_code == 1
    assert "my own bug" in done.output


def test_a_warning_is_first_and_counts_under_strict(here):
    copies = "check_a_copy_has_the_state_or_says_that_it_has_not[deepcopy]"
    words = ("mine:Uncopied", "--engine", "keras-torch", "--only", copies)
    done = run(*words)
    assert done.exit_code == 0, done.output
    assert "nothing is violated, 1 warning." in done.output
    assert done.output.index("RuntimeError: not me") < done.output.index("theme")
    assert run(*words, "--strict").exit_code == 1


def test_a_process_that_dies_is_one_check_and_the_next_goes_on(here):
    done = run("mine:DiesOnce", *CHECK, "--only", TWICE, "--only", ONE)
    assert done.exit_code == 1
    assert "its process ended: exit code 3" in done.output
    assert f"slotscope check mine:DiesOnce {' '.join(CHECK)} --only {TWICE}" in done.output
    assert "1 of 2 checks is violated" in done.output


def test_a_segmentation_fault_says_where(here):
    done = run("mine:Segfaults", *CHECK, "--only", TWICE)
    assert done.exit_code == 1
    assert "killed by SIGSEGV" in done.output
    assert "in update_step" in done.output


def test_what_cannot_even_be_interrupted_is_killed(here, monkeypatch):
    monkeypatch.setattr(isolated, "GRACE", 2.0)
    done = run("mine:HangsInC", *CHECK, "--only", TWICE, "--time-limit", "0.5")
    assert done.exit_code == 1
    said = "it hangs: it used 2.5 s of processor time, without a sign, and was killed"
    assert said in done.output


UNLOADABLE = """
import os, time
if not os.path.exists("tried"):
    open("tried", "w").close()
    {hang}
elif {always}:
    {hang}
from mine import Right
"""


@pytest.mark.parametrize("hang", ["while True: pass", "time.sleep(600)"])
def test_what_hangs_while_it_is_loaded_is_tried_again(here, monkeypatch, hang):
    monkeypatch.setattr(limits, "PREPARATION", 20.0)
    (here / "slow.py").write_text(UNLOADABLE.format(hang=hang, always=False))
    done = run("slow:Right", "--engine", "keras-torch", "--only", TWICE, "--time-limit", "5")
    assert done.exit_code == 0, done.output


def test_what_cannot_be_loaded_is_undecided_and_told_what_to_do(here, monkeypatch):
    monkeypatch.setattr(limits, "PREPARATION", 1.0)
    (here / "slow.py").write_text(UNLOADABLE.format(hang="while True: pass", always=True))
    done = run("slow:Right", "--only", TWICE, "--time-limit", "2")
    assert done.exit_code == 3, done.output
    assert "Undecided: slow:Right was not ready, tried twice: it hangs: it used 6 s" in done.output
    assert "with a larger --time-limit, loading may use and wait for three times" in done.output


def test_a_check_that_could_not_be_prepared_is_undecided(here, monkeypatch):
    """Loaded once, its process died in the first check, and no other one gets ready."""
    lost = "import os\nif os.path.exists('died'): os._exit(9)\nfrom mine import DiesOnce\n"
    (here / "lost.py").write_text(lost)
    only = ["--only", TWICE, "--only", ONE]
    done = run("lost:DiesOnce", *CHECK, *only, "--json", "r.json")
    (report,) = json.loads((here / "r.json").read_text())["reports"]
    assert [o["verdict"] for o in report["outcomes"]] == ["violated", "undecided"]
    assert "was not ready, tried twice: its process ended: exit code 9" in done.output
    assert done.exit_code == 1


def test_the_worst_of_several_exit_codes():
    assert worst([0, 0]) == 0
    assert worst([0, 3]) == 3
    assert worst([3, 1, 0]) == 1
    assert worst([2, 3]) == 2


def test_a_check_may_start_a_process_of_its_own(here):
    done = run("Adam", "--engine", "tf_keras", "--only", "check_two_devices_end_like_one")
    assert done.exit_code == 0, done.output
    assert "nothing is violated, 1 holds." in done.output


def test_two_processes_share_the_checks_and_the_report_keeps_their_order(here, monkeypatch):
    monkeypatch.setattr(isolated, "SHORT", 0.0)
    done = run("mine:DiesOnce", *CHECK, "-j", "2", "--theme", "gradients", "--json", "r.json")
    (report,) = json.loads((here / "r.json").read_text())["reports"]
    names = [outcome["check"] for outcome in report["outcomes"]]
    assert list(dict.fromkeys(names)) == [c.name for c in checks() if c.theme == "gradients"]
    reasons = [o["reason"] for o in report["outcomes"] if o["verdict"] == "violated"]
    assert reasons
    assert set(reasons) == {"its process ended: exit code 3"}
    assert done.exit_code == 1


def test_every_builtin_of_an_engine_is_one_report(here):
    done = run("all", "--engine", "keras-torch", "--only", TWICE, "--json", "all.json")
    assert done.exit_code == 0, done.output
    reports = json.loads((here / "all.json").read_text())["reports"]
    assert {"Adam", "SGD", "Ftrl"} <= {report["optimizer"] for report in reports}
    assert f"{len(reports)} optimizers on keras-torch: nothing is violated." in done.output


def test_the_checks_are_listed_with_their_sentences():
    lines = run("--list").output.splitlines()
    assert [line.strip() for line in lines if line.startswith("  check_")] == [
        check.name for check in checks()
    ]
    assert f"      {checks()[0].sentence}" in lines
    assert [line for line in lines if line and not line.startswith(" ")] == [*theme_names()]


def test_those_of_a_theme_are_listed():
    listed = run("--list", "--theme", "pairs", "--theme", "values").output.splitlines()
    assert [line for line in listed if line and not line.startswith(" ")] == ["values", "pairs"]
    theme, name, _sentence = run("--list", "-k", TWICE).output.splitlines()
    assert (theme, name.strip()) == ("values", TWICE)


def test_the_help_names_themes_and_limits():
    said = " ".join(run("--help").output.split())
    assert f"Only checks of a theme: {', '.join(sorted(theme_names()))}." in said
    assert f"for one check ({limits.TIME_LIMIT:g});" in said
    assert f"at least {limits.PREPARATION:g}." in said


def test_the_guide_says_the_limits():
    guide = (ROOT / "docs" / "checking.md").read_text("utf-8")
    assert f"may use {limits.TIME_LIMIT:g} seconds" in guide
    assert f"at least {limits.PREPARATION:g} seconds" in guide


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Missing argument 'TARGET'"),
        (["--list", "--theme", "value"], "Did you mean 'values'?"),
        (["Adam"], "Say which: --engine keras-jax"),
        (["all"], "--engine keras-jax"),
        (["Adam", "--engine", "keras-jx"], "There is no engine 'keras-jx'"),
        (["nowhere.py:Mine"], "There is no file 'nowhere.py'"),
        (["package.optim"], "Say what of it: package.optim:MyOptimizer"),
        (["nowhere:Mine"], "'nowhere' cannot be imported: ModuleNotFoundError"),
        (["Adam", "--set", "0.1"], "not name=value"),
        (["Adam", "--expected-failures", "broken.toml"], "broken.toml is not TOML"),
    ],
)
def test_bad_usage_is_told_apart(here, words, said):
    (here / "broken.toml").write_text("check = ")
    assert said in refused("check", *words)


def test_an_interrupt_ends_with_what_there_is(here, monkeypatch):
    asked = []

    def interrupted(process, request, item):
        asked.append(item)
        if len(asked) > 1:
            raise KeyboardInterrupt
        return original(process, request, item)

    original = isolated._outcome
    monkeypatch.setattr(isolated, "_outcome", interrupted)
    done = run("mine:Right", *CHECK, "--only", TWICE, "--only", ONE, "--json", "r.json")
    assert done.exit_code == 130
    assert "interrupted after 1 of 2 checks" in done.output
    (report,) = json.loads((here / "r.json").read_text())["reports"]
    assert report["missing"] == 1
