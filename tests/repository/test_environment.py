"""One environment, written down once: the files that describe it agree."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from repository_root import ROOT

from slotscope.kernels.server import frameworks

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())
FRAMEWORKS = {canonicalize_name(framework.name) for framework in frameworks.FRAMEWORKS}


def group(name: str) -> list[str]:
    """A dependency group, with the groups that it includes."""
    entries = PROJECT["dependency-groups"][name]
    return [
        requirement
        for entry in entries
        for requirement in ([entry] if isinstance(entry, str) else group(entry["include-group"]))
    ]


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in requirements}


def pins() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def pip_lines() -> list[str]:
    (pip,) = [entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict)]
    return pip


def test_conda_installs_the_package_with_every_extra_and_every_pin():
    options = [line for line in pip_lines() if line.startswith("-")]
    assert options == ["--constraint constraints.txt", "--editable .[all]"]


def test_conda_installs_the_development_group_as_pyproject_states_it():
    listed = [line for line in pip_lines() if not line.startswith("-")]
    assert sorted(listed) == sorted(group("dev"))


def test_conda_brings_a_python_that_the_package_supports():
    python, pip = (entry for entry in CONDA["dependencies"] if isinstance(entry, str))
    assert python == f"python{PROJECT['project']['requires-python']},<3.14"
    assert pip == "pip"


def test_all_is_every_extra():
    (everything,) = EXTRAS["all"]
    assert Requirement(everything).extras == EXTRAS.keys() - {"all"}


def test_the_core_installs_no_framework():
    assert names(PROJECT["project"]["dependencies"]) & FRAMEWORKS == set()


def test_every_direct_dependency_is_pinned_once_and_within_its_range():
    extras = [line for name, lines in EXTRAS.items() if name != "all" for line in lines]
    ranges = [*PROJECT["project"]["dependencies"], *extras, *group("dev")]
    pinned = {canonicalize_name(pin.name): pin for pin in pins()}
    assert len(pinned) == len(pins())
    # pip installs the others, and comes with the environment.
    assert names(ranges) - {"pip"} <= pinned.keys()
    for requirement in map(Requirement, ranges):
        if requirement.name != "pip":
            (version,) = pinned[canonicalize_name(requirement.name)].specifier
            assert version.operator == "=="
            assert version.version in requirement.specifier, requirement


def test_pins_live_in_the_constraints_file_alone():
    declared = [line for lines in EXTRAS.values() for line in lines]
    for line in [*PROJECT["project"]["dependencies"], *declared, *group("dev")]:
        operators = {specifier.operator for specifier in Requirement(line).specifier}
        assert operators <= {">="}, line


@pytest.fixture(scope="module")
def committed() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git clone: an unpacked sdist has no list of committed files")
    return [ROOT / name for name in listed.stdout.splitlines()]


def test_no_committed_file_names_the_host_of_an_index(committed):
    host = re.compile(rb"(?:pypi|pythonhosted|anaconda)\.(?:org|com|python\.org)|index-url", re.I)
    here = Path(__file__).resolve()
    named = [path for path in committed if path.is_file() and host.search(path.read_bytes())]
    assert [path for path in named if path.resolve() != here] == []
