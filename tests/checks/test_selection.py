"""Which checks there are, and which of them are run."""

import re
import sys
import types

import pytest
from repository_root import ROOT

from slotscope.checks import themes
from slotscope.checks.check import CHECKS
from slotscope.checks.selection import checks, theme_names

THEME = '''
from slotscope.checks.check import check

PLACE, SECONDS = 1.5, 7.0


@check()
def check_it_is_found(subject):
    """A theme is a file in the folder of themes, and nothing else."""
'''


@pytest.fixture
def another(tmp_path, monkeypatch):
    """A file more in the folder of themes, as long as the test runs."""
    (tmp_path / "another.py").write_text(THEME, "utf-8")
    before = [*checks()]
    monkeypatch.setattr(themes, "__path__", [*themes.__path__, str(tmp_path)])
    theme_names.cache_clear()
    yield
    theme_names.cache_clear()
    CHECKS[:] = before
    del sys.modules[f"{themes.__name__}.another"]


@pytest.mark.parametrize(
    ("stated", "missing"),
    [("PLACE = 1", "its SECONDS: put both above"), ("", "its PLACE and SECONDS: put both above")],
)
def test_a_theme_that_forgets_what_it_says_of_itself_is_told(monkeypatch, stated, missing):
    monkeypatch.setitem(sys.modules, "forgetful", types.ModuleType("forgetful"))
    source = THEME.replace("PLACE, SECONDS = 1.5, 7.0", stated)
    with pytest.raises(TypeError, match=f"the theme forgetful does not say {missing}"):
        exec(source, vars(sys.modules["forgetful"]))


def test_the_guide_names_every_theme_in_its_order():
    """And each has a test of its name."""
    guide = (ROOT / "docs" / "checking.md").read_text("utf-8")
    listed = guide.partition("The themes are")[2].partition(";")[0]
    assert tuple(re.findall(r"`(\w+)`", listed)) == theme_names()
    tests = {file.stem for file in (ROOT / "tests/checks/themes").glob("test_*.py")}
    assert tests == {f"test_{name}" for name in theme_names()}


def test_a_theme_is_one_file(another):
    assert theme_names()[:3] == ("construction", "another", "identity")
    (found,) = [check for check in checks() if check.theme == "another"]
    assert found.sentence == "A theme is a file in the folder of themes, and nothing else."
    assert found.seconds == 7.0
    order = [check.theme for check in checks()]
    assert order == sorted(order, key=theme_names().index)
