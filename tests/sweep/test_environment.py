"""What of slotscope a run depends on: its version, or, in a clone, the code of its modules."""

import importlib.metadata
import json
from pathlib import Path

import pytest

import slotscope
from slotscope.sweep.environment import (
    DISTRIBUTIONS,
    code_digest,
    digests,
    environment,
    is_release,
)

SOURCE = '''"""A module."""

def twice(x):
    """Twice as much."""
    return 2 * x
'''


def test_the_environment_is_what_is_installed_here():
    import numpy

    found = environment()
    assert found.versions["numpy"] == numpy.__version__
    assert found.versions["slotscope"] == importlib.metadata.version("slotscope")
    assert found.versions.keys() - {"python"} <= set(DISTRIBUTIONS)
    assert found == environment()


def test_every_module_of_a_clone_counts_by_itself():
    found = digests(Path(slotscope.__file__).parent)
    assert {"slotscope", "slotscope.errors", "slotscope.sweep", "slotscope.sweep.store"} <= set(
        found
    )
    assert found == {**found, **environment().modules}


@pytest.mark.parametrize(
    ("same", "written"),
    [
        (True, SOURCE.replace("Twice as much", "Two times")),
        (True, SOURCE.replace('"""A module."""', '"""Another text."""')),
        (True, SOURCE.replace('    """Twice as much."""\n', "")),
        (True, SOURCE.replace("2 * x", "2*x  # a comment")),
        (True, SOURCE.replace("2 * x", "(\n        2\n        * x\n    )")),
        (False, SOURCE.replace("2 * x", "3 * x")),
        (False, SOURCE.replace("2 * x", '"2 * x"')),
        (False, SOURCE.replace("(x)", "(x=1)")),
        (False, SOURCE + "twice(1)\n"),
        (False, SOURCE.replace("return 2", "return (")),
    ],
)
def test_a_digest_is_of_the_code_and_not_of_what_is_told_of_it(same, written):
    assert (code_digest(written.encode()) == code_digest(SOURCE.encode())) is same


def installed(site, direct_url=None, record="slotscope/__init__.py,sha256=x,1\n"):
    """The metadata of a distribution, as an installer leaves them."""
    about = site / "slotscope-0.1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Name: slotscope\nVersion: 0.1.0\n")
    if record is not None:
        (about / "RECORD").write_text(record)
    if direct_url is not None:
        (about / "direct_url.json").write_text(json.dumps(direct_url))
    return importlib.metadata.PathDistribution(about)


def package(folder):
    (folder / "slotscope").mkdir(parents=True)
    (folder / "slotscope" / "__init__.py").write_text("")
    return folder / "slotscope"


@pytest.mark.parametrize("direct_url", [None, {"url": "file:///x.whl", "archive_info": {}}])
def test_a_package_from_a_wheel_is_what_its_version_names(tmp_path, direct_url):
    found = installed(tmp_path / "site", direct_url)
    assert is_release(found, package(tmp_path / "site"))


@pytest.mark.parametrize(
    ("direct_url", "record", "place"),
    [
        ({"url": "file:///clone", "dir_info": {"editable": True}}, "slotscope.pth,,\n", "clone"),
        ({"url": "file:///clone", "dir_info": {}}, "slotscope/__init__.py,,\n", "site"),
        ({"url": "https://x/y.git", "vcs_info": {}}, "slotscope/__init__.py,,\n", "site"),
        (None, "slotscope/__init__.py,,\n", "clone"),  # by PYTHONPATH, before the one installed
        (None, None, "site"),  # a source tree with what setuptools leaves in it
    ],
)
def test_a_package_from_a_clone_is_not(tmp_path, direct_url, record, place):
    found = installed(tmp_path / "site", direct_url, record)
    assert not is_release(found, package(tmp_path / place))
