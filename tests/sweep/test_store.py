"""A run is there whole or not at all, and what was there before a failed write still is."""

import errno
import json
import os
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from sweep_cases import error, record

from slotscope.errors import SweepFolderError, SweepInUseError
from slotscope.sweep.dependencies import Dependencies
from slotscope.sweep.run_records import NOTEBOOK, RUN, SWEEP, RunRecord, identity
from slotscope.sweep.store import LOCK, Store

PARAMETERS = {"b": 1.0, "a": [1, "ü"]}
ID = identity(PARAMETERS)
RESULTS = {"format": 1, "values": '{"loss": 0.5}', "crc32": 1173327269}
NEEDED = Dependencies("c", {"numpy": "2.0"}, {"slotscope": "m"})
ASKED = ([ID], NEEDED)
NOTEBOOK_FILE = Path("some.ipynb")


def run(**changes):
    return record(PARAMETERS, results=RESULTS, dependencies=NEEDED, **changes)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def test_a_folder_is_named_by_its_parameters_in_any_order():
    assert ID == identity({"a": [1, "ü"], "b": 1.0}) == "38d1ec7b8a897686"
    assert identity({"b": 1, "a": [1, "ü"]}) != ID


def test_what_is_written_is_read(store):
    assert store.read(ID) is None
    store.write(run(), "{}")
    assert store.read(ID) == run()
    assert sorted(path.name for path in store.run_folder(ID).iterdir()) == [NOTEBOOK, RUN]


def test_a_run_json_has_every_field(store):
    failed = run(error=error(), attempts=2, number=3, seconds=0.25)
    store.write(failed, "{}")
    assert store.read(ID) == failed
    content = json.loads(failed.as_json())
    own = {field.name for field in fields(RunRecord)} - {"dependencies"}
    assert content.keys() == own | {"format", "status", "versions", "fingerprint"}


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"id": "0" * 16},
        {"parameters": {"b": 2.0}},
        {"status": "running"},
        {"results": {"format": 1, "values": '{"loss": 0.6}', "crc32": 1173327269}},
        {"results": {"format": 1}},
        {"fingerprint": {}},
        {"fingerprint": {"code": "c", "modules": 1}},
        {"versions": None},
    ],
    ids=str,
)
def test_a_damaged_run_is_found(store, changes):
    store.write(run(), "{}")
    path = store.run_folder(ID) / RUN
    path.write_text(json.dumps(json.loads(run().as_json()) | changes))
    with pytest.raises(ValueError, match=r".+"):
        store.read(ID)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "it is not JSON, or was cut off"),
        (b"\xff", "it is not JSON, or was cut off"),
        (b"[]", "its content is of another form"),
        (b"null", "its content is of another form"),
        (b'{"format": 1}', "it has no `id`"),
    ],
)
def test_what_is_wrong_with_a_run_is_said_in_plain_words(store, content, said):
    store.write(run(), "{}")
    (store.run_folder(ID) / RUN).write_bytes(content)
    with pytest.raises(ValueError, match=said):
        store.read(ID)


def test_any_byte_that_is_cut_off_is_missed(store):
    store.write(run(), "{}")
    path = store.run_folder(ID) / RUN
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r".+"):
            store.read(ID)


def test_a_run_without_its_notebook_is_damaged(store):
    store.write(run(), "{}")
    (store.run_folder(ID) / NOTEBOOK).unlink()
    with pytest.raises(ValueError, match="is not beside it"):
        store.read(ID)


def full(*_arguments, **_options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("name", ["replace", "fsync"])
def test_a_full_disk_is_told_and_takes_nothing(store, monkeypatch, name):
    store.write(run(), "first")
    with monkeypatch.context() as patch:
        patch.setattr(os, name, full)
        with pytest.raises(SweepFolderError, match=r"No space left on device.*same command again"):
            store.write(run(seconds=9.0), "second")
    assert store.read(ID) == run()
    assert (store.run_folder(ID) / NOTEBOOK).read_text() == "first"
    assert sorted(path.name for path in store.run_folder(ID).iterdir()) == [NOTEBOOK, RUN]


@pytest.fixture
def tiny(tmp_path):
    """A disk of 64 KB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small disk can't be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_full_in_earnest_takes_nothing(tiny):
    store = Store(tiny)
    store.write(run(), "first")
    with pytest.raises(SweepFolderError, match="No space left on device"):
        store.write(run(seconds=9.0), 100_000 * "x")
    assert store.read(ID) == run()
    assert (store.run_folder(ID) / NOTEBOOK).read_text() == "first"
    store.write(run(seconds=9.0), "there is room again")
    assert store.read(ID) == run(seconds=9.0)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SweepFolderError, match="Choose another folder by --out"),
        Store(tmp_path / "file" / "runs").locked(),
    ):
        pass


def test_a_folder_that_cannot_be_written_is_told_before_anything_runs(store, monkeypatch):
    with store.locked():
        store.begin(NOTEBOOK_FILE, *ASKED)
        monkeypatch.setattr(os, "replace", full)
        with pytest.raises(SweepFolderError, match="make this one writable"):
            store.begin(NOTEBOOK_FILE, *ASKED)


def test_one_folder_is_for_one_notebook(store):
    with store.locked():
        store.begin(NOTEBOOK_FILE, *ASKED)
        store.begin(NOTEBOOK_FILE, *ASKED)
        with pytest.raises(SweepFolderError, match=r"holds a sweep of some\.ipynb"):
            store.begin(Path("other.ipynb"), *ASKED)


def test_notebooks_of_one_name_have_folders_of_their_own(tmp_path, store):
    first, second = (tmp_path / name / "nb.ipynb" for name in "ab")
    for path in (first, second):
        path.parent.mkdir()
        path.write_text("{}")
    with store.locked():
        store.begin(first, *ASKED)
        with pytest.raises(SweepFolderError, match=rf"holds a sweep of {first}, and this one"):
            store.check(second)
        first.rename(tmp_path / "moved.ipynb")
        store.check(second)  # it is the same one, elsewhere


def test_a_notebook_and_its_runs_may_be_copied_together(tmp_path):
    there, copy = tmp_path / "there", tmp_path / "copy"
    there.mkdir()
    (there / "nb.ipynb").write_text("{}")
    store = Store(there / "runs")
    with store.locked():
        store.begin(there / "nb.ipynb", *ASKED)
    shutil.copytree(there, copy)
    Store(copy / "runs").check(copy / "nb.ipynb")


def test_what_was_asked_for_last_is_kept(store):
    store.write(run(), "{}")
    store.begin(NOTEBOOK_FILE, ["b" * 16, "a" * 16], Dependencies("old", {}, None))
    store.begin(NOTEBOOK_FILE, *ASKED)
    assert json.loads((store.folder / SWEEP).read_text()) == {
        "format": 1,
        "notebook": "some.ipynb",
        "path": os.path.relpath("some.ipynb", store.folder),
        "runs": [ID],
        "versions": {"numpy": "2.0"},
        "fingerprint": {"code": "c", "modules": {"slotscope": "m"}},
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "it is not JSON, or was cut off"),
        (b"\xff", "it is not JSON, or was cut off"),
        (b"{}", "it has no `format`"),
        (b'{"name": "mine"}', "it has no `format`"),
        (b'{"format": 2}', "it has format 2, this version reads 1"),
        (b'{"format": 1}', "it has no `notebook`"),
        (b"[]", "its content is of another form"),
    ],
)
@pytest.mark.parametrize("runs", [True, False])
def test_a_folder_of_nobody_knows_which_notebook_is_refused(store, content, said, runs):
    store.folder.mkdir()
    if runs:
        store.write(run(), "{}")
    (store.folder / SWEEP).write_bytes(content)
    with pytest.raises(SweepFolderError) as caught:
        store.begin(NOTEBOOK_FILE, *ASKED)
    assert f"sweep.json can't be read ({said}), so nobody can say of which" in str(caught.value)
    assert "if it is of some.ipynb, remove that file" in str(caught.value)
    assert (store.folder / SWEEP).read_bytes() == content


def test_what_a_killed_driver_left_is_removed(store):
    store.write(run(), "{}")
    left = [f"{ID}/.{RUN}-7-7", f"{ID}/.{NOTEBOOK}-7-7", f".{SWEEP}-7-7"]
    for name in left:
        (store.folder / name).write_text("{")
    assert store.read(ID) == run()
    store.begin(NOTEBOOK_FILE, *ASKED)
    assert not any((store.folder / name).exists() for name in left)
    assert store.read(ID) == run()


def test_what_no_driver_left_stays(store):
    store.write(run(), "{}")
    other = ["data/.run.json-7-7", "data/.run.json-notes", "data/.notebook.ipynb-backup"]
    other += [f"{ID}/.run.json-notes", f".{SWEEP}-old", f"{ID}/.{RUN}-7-7.txt"]
    (store.folder / "data").mkdir()
    for name in other:
        (store.folder / name).write_text("mine")
    store.begin(NOTEBOOK_FILE, *ASKED)
    assert [(store.folder / name).read_text() for name in other] == ["mine"] * len(other)


@pytest.mark.parametrize("name", ["", RUN])
def test_what_has_the_place_of_a_run_is_told_when_it_is_read(store, name):
    place = store.run_folder(ID) / name
    if name:
        place.mkdir(parents=True)
    else:
        place.parent.mkdir()
        place.write_text("")
    with pytest.raises(SweepFolderError, match="Something else has its place"):
        store.read(ID)


def test_a_folder_that_can_only_be_read_is_told_before_anything_is_written(store, monkeypatch):
    store.check(NOTEBOOK_FILE)
    assert not store.folder.exists()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(SweepFolderError, match="can't be written: Permission denied"):
        store.check(NOTEBOOK_FILE)


def test_a_second_sweep_is_refused_until_the_first_ends(store):
    code = (
        "import sys; from pathlib import Path; from slotscope.sweep.store import Store\n"
        f"with Store(Path({str(store.folder)!r})).locked(): print('in', flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "in\n"
        with pytest.raises(SweepInUseError, match="Another sweep is writing"), store.locked():
            pass
        process.kill()
        process.wait()
        with store.locked():
            assert (store.folder / LOCK).exists()
