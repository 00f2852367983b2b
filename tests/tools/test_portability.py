"""Portability runs what it is told to under what it is told, and says how it ended."""

import re

import pytest
from tools.arithmetic import SETTINGS
from tools.portability import FOLDERS, ROOT, Outcome

from tools import portability

NOXFILE = (ROOT / "noxfile.py").read_text()


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Have a part be this test file."""

    def write(source):
        path = tmp_path / "test_small.py"
        path.write_text(source)
        monkeypatch.setitem(portability.PARTS, "story", ("-p", "no:cacheprovider", str(path)))

    return write


@pytest.fixture
def calm(monkeypatch):
    """Nothing is measured or run; each outcome is as it is given by setting and part."""
    monkeypatch.setattr(portability, "measure", lambda names: {name: [] for name in names})
    ran = []

    def give(failing=()):
        def run(setting, part):
            ran.append((setting.name, part))
            failed = ("notebooks/a.ipynb::Cell 3",) if (setting.name, part) in failing else ()
            return Outcome(setting.name, part, int(bool(failed)), 5, 1, failed)

        monkeypatch.setattr(portability, "run", run)
        return ran

    return give


def test_a_part_runs_under_its_setting_and_each_failure_has_its_name(small, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    small(
        "import os, pytest\n"
        "def test_threads(): assert os.environ['OMP_NUM_THREADS'] == '4'\n"
        "def test_nothing_is_capped(): assert 'OPENBLAS_CORETYPE' not in os.environ\n"
        "def test_wrong(): assert False\n"
        "@pytest.fixture\n"
        "def broken(): 1 / 0\n"
        "def test_error(broken): pass\n"
        "@pytest.mark.skip\n"
        "def test_skipped(): pass\n"
    )
    outcome = portability.run(SETTINGS["four-threads"], "story")
    assert (outcome.setting, outcome.part, outcome.status) == ("four-threads", "story", 1)
    assert (outcome.passed, outcome.skipped) == (2, 1)
    assert [name.rpartition("::")[2] for name in outcome.failed] == ["test_wrong", "test_error"]


def test_what_cannot_even_be_collected_is_no_success(small):
    small("import no_such_module")
    outcome = portability.run(SETTINGS["default"], "story")
    assert outcome.status
    assert outcome.passed == 0


def test_everything_runs_under_every_setting_unless_told_otherwise(calm):
    ran = calm()
    assert portability.main([]) == 0
    assert ran == [(name, part) for name in SETTINGS for part in ("story", "tests")]


def test_a_part_and_settings_are_picked(calm):
    ran = calm()
    assert portability.main(["avx2", "lowest", "--story"]) == 0
    assert ran == [("avx2", "story"), ("lowest", "story")]


def test_one_failure_is_the_exit_status_and_is_told_with_its_setting(calm, capsys):
    calm(failing=[("lowest", "story")])
    assert portability.main(["lowest", "avx2"]) == 1
    printed = capsys.readouterr().out
    assert "lowest, story: notebooks/a.ipynb::Cell 3" in printed
    assert "story: 5 passed, 1 failed, 1 skipped" in printed
    assert "nothing: it is the default once more" in printed


def test_an_unknown_setting_is_refused_with_those_that_there_are(capsys):
    with pytest.raises(SystemExit) as ended:
        portability.main(["highest"])
    assert ended.value.code == 2
    assert "no setting highest; there are default, lowest, avx" in capsys.readouterr().err


def test_the_tests_of_values_recordings_and_checks_are_among_them():
    assert {"recording", "rules", "checks"} <= set(FOLDERS)
    assert all((ROOT / "tests" / folder).is_dir() for folder in FOLDERS)


def test_its_session_hands_on_what_is_asked():
    assert re.search(r'run\(session, "tools.portability", \*session.posargs\)', NOXFILE)
