"""Old releases of Keras, fetched once and kept beside the environment.

Keras 2.1 is pure Python and cannot be installed next to Keras 3, so its wheel is downloaded by
pip, compared with the SHA-256 sum kept here, and unpacked into a folder of its own:
``$SLOTSCOPE_CACHE``, or else the user's cache folder.

The folder of a release appears in one rename, after all of its files are in place. A process that
is killed leaves a temporary folder that nobody reads, and of two processes that start at once
the second finds the first one's folder. The wheel is kept in that folder: a source file that was
changed since is noticed by comparison, and the folder is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import platformdirs

from slotscope.errors import WheelError

#: Environment variable that moves the cache.
CACHE_VARIABLE = "SLOTSCOPE_CACHE"

#: SHA-256 of each release's wheel (``Keras-X.Y.Z-py2.py3-none-any.whl``).
SHA256 = {
    "2.1.0": "216cb3fb7a986e717642f48ce5f4fa33efa70fe9381c4934d8f16927502ebb96",
    "2.1.1": "ea780164d532b72ffe440cb1dc35780a5920cc938a8aea01fdddbcf128314c20",
    "2.1.2": "eb7f2345ca7d5072ede8b43a5f4c2924e8429046cdaa6fe09e97a7b7e00fa088",
    "2.1.3": "7b1116bad7fb497758cfaffcd180e9adc2904be7deec2d9164543955e9973d0b",
    "2.1.4": "5ff7e084ab6af16fcfdc5fd9683578e0096755942d0c4e296bf1e83f068f20bd",
    "2.1.5": "55e4598f6ff2a374a8abd8e7a4c65be95ac5d3a6ee81b08d7d2549f8c3e1d8d5",
    "2.1.6": "a7abff3e87b6706764fbbd0521ba8f54c48f0720fd0495860cd3d2fd67899d48",
}


def cache_folder() -> Path:
    """Where old releases are kept."""
    moved = os.environ.get(CACHE_VARIABLE)
    return Path(moved).expanduser() if moved else platformdirs.user_cache_path("slotscope")


def wheel_name(release: str) -> str:
    """File name of a release's wheel on the package index."""
    return f"Keras-{release}-py2.py3-none-any.whl"


def keras_source(release: str) -> Path:
    """The folder of the unmodified ``keras`` package of ``release``, fetched on first use.

    Raises:
        WheelError: the release is unknown, cannot be downloaded, or has a wrong sum.
    """
    if release not in SHA256:
        raise WheelError(
            f"Keras {release} is not one of the releases known here: {', '.join(SHA256)}."
        )
    folder = cache_folder() / f"keras-{release}"
    if not _intact(folder, release):
        _install(release, folder)
    return folder / "keras"


def _install(release: str, folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            wheel = _supplied(release) or _download(release, Path(scratch))
            _verify(wheel, release)
            unpacked = Path(scratch) / "unpacked"
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(unpacked)
            shutil.copy(wheel, unpacked / wheel_name(release))
            _publish(unpacked, folder, release)
    except OSError as error:
        raise WheelError(
            f"Keras {release} could not be unpacked into {folder.parent}: {error}.\n"
            f"Set {CACHE_VARIABLE} to a folder that can be written, with 5 MB free."
        ) from error


def _publish(unpacked: Path, folder: Path, release: str) -> None:
    if not _intact(folder, release):
        # It appeared whole, so it was damaged since; another process may be moving it away too.
        with contextlib.suppress(FileNotFoundError):
            folder.rename(unpacked.with_name("damaged"))
    try:
        unpacked.rename(folder)
    except OSError:
        if not _intact(folder, release):
            raise


def _intact(folder: Path, release: str) -> bool:
    """Whether every file is there as the wheel, which lies beside them, has it."""
    wheel = folder / wheel_name(release)
    if not wheel.is_file() or _sum(wheel) != SHA256[release]:
        return False
    with zipfile.ZipFile(wheel) as archive:
        return all(_same(folder / name, archive.read(name)) for name in archive.namelist())


def _same(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _sum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _supplied(release: str) -> Path | None:
    """The wheel that a user without network put into the cache folder by hand."""
    wheel = cache_folder() / wheel_name(release)
    return wheel if wheel.is_file() else None


def _download(release: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--dest", str(folder), f"keras=={release}"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if run.returncode or len(wheels) != 1:
        lines = [line for line in run.stderr.splitlines() if line.strip()]
        raise WheelError(
            f"Keras {release} is not in {cache_folder()} and pip could not download it"
            f" ({lines[-1] if lines else 'it gave no reason'}).\n"
            f"Without network: on a machine that has it, run"
            f" `python -m pip download --no-deps keras=={release}`,\n"
            f"and copy {wheel_name(release)} into {cache_folder()}, or point {CACHE_VARIABLE} to a"
            f" folder that holds it."
        )
    return wheels[0]


def _verify(wheel: Path, release: str) -> None:
    found = _sum(wheel)
    if found != SHA256[release]:
        raise WheelError(
            f"{wheel.name} is not the wheel of Keras {release}: its SHA-256 sum is\n"
            f"  {found}, expected\n  {SHA256[release]}.\n"
            f"Nothing was kept. Remove that file from where it came, and fetch it again."
        )
