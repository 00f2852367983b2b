"""The workflows of CI, which run elsewhere, name what is there."""

import re
import shlex
import tomllib

import pytest
import yaml
from repository_root import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SESSIONS = set(
    re.findall(r"\ndef (\w+)\(session: nox\.Session\)", (ROOT / "noxfile.py").read_text())
)
#: GitHub's runners: Linux on x86-64 and ARM, macOS on ARM, Windows on x86-64.
RUNNERS = {"ubuntu-latest", "ubuntu-24.04-arm", "macos-latest", "windows-latest"}
CI = next(path for path in WORKFLOWS if path.stem == "ci")


def jobs(path):
    return yaml.safe_load(path.read_text())["jobs"]


def runners(job):
    """The runners of a job, its matrix included."""
    if "${{" not in job["runs-on"]:
        return {job["runs-on"]}
    assert job["runs-on"] == "${{ matrix.system }}"
    return set(job["strategy"]["matrix"]["system"])


def pythons(job):
    """The versions of Python that a job sets up."""
    found = set()
    for step in job["steps"]:
        version = step.get("with", {}).get("python-version")
        if version == "${{ matrix.python }}":
            found.update(job["strategy"]["matrix"]["python"])
        elif version:
            found.update(version.split())
    return found


def sessions(job):
    """The sessions of nox that a job's commands name."""
    for step in job["steps"]:
        for line in step.get("run", "").splitlines():
            for command in line.split("&&"):
                words = shlex.split(command)
                if "-s" in words:
                    named = words[words.index("-s") + 1 :]
                    yield from named[: named.index("--")] if "--" in named else named


supported = {
    match[1]
    for line in PROJECT["classifiers"]
    if (match := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line))
}
each = pytest.mark.parametrize(
    "job",
    [pytest.param(job, id=f"{p.stem}-{name}") for p in WORKFLOWS for name, job in jobs(p).items()],
)


@each
def test_every_python_is_one_that_the_package_supports(job):
    assert pythons(job)
    assert pythons(job) <= supported


@each
def test_every_session_exists(job):
    assert set(sessions(job)) <= SESSIONS


@each
def test_a_job_does_something_on_a_known_runner_and_ends(job):
    assert runners(job) <= RUNNERS
    assert any("run" in step for step in job["steps"])
    assert job["timeout-minutes"]


def test_ci_runs_on_every_python():
    assert pythons(jobs(CI)["tests"]) == pythons(jobs(CI)["core"]) == supported


def test_the_core_runs_on_every_runner_and_the_engines_on_every_other_one():
    assert runners(jobs(CI)["core"]) == RUNNERS
    assert runners(jobs(CI)["engines"]) == RUNNERS - {"ubuntu-latest"}
    assert list(sessions(jobs(CI)["core"])) == ["core"]
    assert list(sessions(jobs(CI)["engines"])) == ["engines"]


def test_ci_runs_the_story_under_the_lowest_arithmetic_beside_the_default_one():
    commands = (ROOT / ".ci" / "run").read_text()
    assert "nox -s portability -- lowest --story" in commands
    assert "nox -s tests" in commands
    named = re.findall(r"nox -s ([a-z ]+[a-z])", commands)
    assert {name for names in named for name in names.split()} <= SESSIONS
