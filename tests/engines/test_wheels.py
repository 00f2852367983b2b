"""Old releases are fetched once, checked, and unpacked whole, or a clear error says why not."""

import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from slotscope.engines import old_releases
from slotscope.errors import WheelError


def wheel_of(text="made = 1\n"):
    """The bytes of a small wheel that holds a package ``keras``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("keras/__init__.py", text)
        archive.writestr("keras/optimizers.py", "SGD = 1\n")
    return buffer.getvalue()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(old_releases.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def index(monkeypatch):
    """A package index of one release, 2.1.6: set its content, count its downloads."""

    class Index:
        content = wheel_of()
        downloads = 0

        def run(self, command, **_):
            self.downloads += 1
            if self.content is None:
                return subprocess.CompletedProcess(command, 1, "", "ERROR: no route to host\n")
            folder = Path(command[command.index("--dest") + 1])
            (folder / old_releases.wheel_name("2.1.6")).write_bytes(self.content)
            return subprocess.CompletedProcess(command, 0, "", "")

    index = Index()
    monkeypatch.setattr(old_releases.subprocess, "run", index.run)
    monkeypatch.setitem(old_releases.SHA256, "2.1.6", hashlib.sha256(index.content).hexdigest())
    return index


def test_it_is_fetched_once(cache, index):
    folder = old_releases.keras_source("2.1.6")
    assert old_releases.keras_source("2.1.6") == folder
    assert index.downloads == 1
    assert (folder / "optimizers.py").is_file()
    assert [path.name for path in cache.iterdir()] == ["keras-2.1.6"]


def test_a_wrong_sum_is_refused_and_nothing_is_kept(cache, index):
    index.content = wheel_of("made = 2\n")
    with pytest.raises(WheelError, match="SHA-256"):
        old_releases.keras_source("2.1.6")
    assert list(cache.iterdir()) == []


def test_without_network_the_error_says_how_to_supply_the_wheel(cache, index):
    index.content = None
    with pytest.raises(WheelError, match="no route to host") as caught:
        old_releases.keras_source("2.1.6")
    assert "pip download --no-deps keras==2.1.6" in str(caught.value)
    assert str(cache) in str(caught.value)
    assert list(cache.iterdir()) == []


def test_a_wheel_that_was_supplied_by_hand_is_used(cache, index):
    cache.mkdir()
    (cache / old_releases.wheel_name("2.1.6")).write_bytes(index.content)
    index.content = None
    assert (old_releases.keras_source("2.1.6") / "__init__.py").is_file()
    assert index.downloads == 0


def test_a_folder_without_the_package_is_made_anew(cache, index):
    (cache / "keras-2.1.6").mkdir(parents=True)
    assert (old_releases.keras_source("2.1.6") / "__init__.py").is_file()


def test_a_source_file_that_was_changed_or_lost_is_made_anew(cache, index):
    changed = old_releases.keras_source("2.1.6") / "optimizers.py"
    changed.write_text("SGD = 2\n")
    assert old_releases.keras_source("2.1.6").joinpath("optimizers.py").read_text() == "SGD = 1\n"
    changed.unlink()
    assert old_releases.keras_source("2.1.6").joinpath("optimizers.py").read_text() == "SGD = 1\n"


@pytest.mark.parametrize("damage", [b"", b"PK torn", None])
def test_a_damaged_wheel_in_the_folder_is_fetched_anew(cache, index, damage):
    wheel = old_releases.keras_source("2.1.6").parent / old_releases.wheel_name("2.1.6")
    wheel.unlink() if damage is None else wheel.write_bytes(damage)
    old_releases.keras_source("2.1.6")
    assert wheel.read_bytes() == index.content
    assert index.downloads == 2


@pytest.mark.parametrize("thing", ["file", "link"])
def test_something_else_in_the_place_of_the_folder_makes_way(cache, index, thing):
    cache.mkdir()
    place = cache / "keras-2.1.6"
    place.write_text("") if thing == "file" else place.symlink_to("nowhere")
    assert (old_releases.keras_source("2.1.6") / "__init__.py").is_file()


def test_the_cache_may_be_given_from_home(monkeypatch):
    monkeypatch.setenv(old_releases.CACHE_VARIABLE, "~/somewhere")
    assert old_releases.cache_folder() == Path.home() / "somewhere"


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path, monkeypatch, index):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(old_releases.CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.raises(WheelError, match=f"Set {old_releases.CACHE_VARIABLE} to a folder"):
        old_releases.keras_source("2.1.6")


def test_an_unknown_release_is_refused(cache):
    with pytest.raises(WheelError, match=r"2\.1\.0, 2\.1\.1"):
        old_releases.keras_source("2.2.0")


def test_processes_that_start_at_once_get_one_folder(tmp_path):
    """The real wheel, from the index, by four processes at once."""
    code = "from slotscope.engines.old_releases import keras_source; print(keras_source('2.1.3'))"
    environment = os.environ | {old_releases.CACHE_VARIABLE: str(tmp_path)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    folders = {process.communicate()[0] for process in started}
    assert folders == {f"{tmp_path / 'keras-2.1.3' / 'keras'}\n"}
    assert [path.name for path in tmp_path.iterdir()] == ["keras-2.1.3"]
