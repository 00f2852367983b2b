"""Which checks there are, and which of them are run."""

import sys

import pytest

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


def test_a_theme_is_one_file(another):
    assert theme_names()[:3] == ("construction", "another", "identity")
    (found,) = [check for check in checks() if check.theme == "another"]
    assert found.sentence == "A theme is a file in the folder of themes, and nothing else."
    assert found.seconds == 7.0
    order = [check.theme for check in checks()]
    assert order == sorted(order, key=theme_names().index)
