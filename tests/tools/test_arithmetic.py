"""What a process can be given of another processor's arithmetic, it really has."""

import itertools
import os
import subprocess
import sys

import pytest
from repository_root import ROOT
from tools.arithmetic import EXTREMES, SETTINGS

from slotscope.kernels.fingerprint import fingerprint
from tools import arithmetic, arithmetic_in_force

x86 = pytest.mark.skipif(
    arithmetic.detected() not in ("avx2", "avx512"),
    reason="this processor has no AVX2: no library has instructions that could be taken away",
)


@pytest.fixture(scope="module")
def measured():
    """What each library computes with, by setting; a process each."""
    names = ("default", "lowest", "avx2", "four-threads")
    return {name: arithmetic_in_force.under(SETTINGS[name]) for name in names}


@x86
def test_under_the_lowest_every_library_rounds_otherwise_or_says_that_it_is_capped(measured):
    default, lowest = measured["default"], measured["lowest"]
    assert {"NumPy", "OpenBLAS", "torch", "XLA", "TensorFlow"} <= set(default)
    same = [
        library
        for library, now in lowest.items()
        if (now.says, now.digest) == (default[library].says, default[library].digest)
    ]
    assert same == []


@x86
def test_each_library_says_what_it_is_capped_at(measured):
    def says(setting, library):
        return measured[setting][library].says

    assert [says(name, "torch") for name in ("lowest", "avx2")] == ["DEFAULT", "AVX2"]
    assert [says(name, "Arrow") for name in ("lowest", "avx2")] == ["none", "avx2"]
    assert says("avx2", "OpenBLAS") == "Haswell" != says("lowest", "OpenBLAS")
    assert says("lowest", "NumPy") == "baseline"
    assert not any("V4" in word or "AVX512" in word for word in says("avx2", "NumPy").split())


def test_what_says_nothing_of_its_instructions_is_seen_by_its_last_bits(measured):
    silent = [words for words in measured["default"].values() if not words.says]
    assert silent
    assert all(words.digest for words in silent)


def test_each_pool_has_the_threads_of_the_setting(measured):
    pools = {"Arrow", "torch", "XLA", "TensorFlow"} & set(measured["default"])
    for name, threads in {"lowest": 1, "four-threads": 4}.items():
        counted = {library: measured[name][library].threads for library in pools}
        assert set(counted.values()) <= {threads, None}, counted
        assert counted["torch"] == threads
    assert measured["lowest"]["OpenBLAS"].threads == 1


def test_a_setting_that_changes_nothing_is_told_from_one_that_does(measured):
    default = measured["default"]
    assert arithmetic_in_force.changed(default, default) == []
    assert "torch: threads 4" in arithmetic_in_force.changed(measured["four-threads"], default)


def test_a_setting_takes_away_what_the_caller_or_another_setting_has_set():
    caller = dict.fromkeys(arithmetic.VARIABLES, "1") | {"MINE": "here"}
    assert arithmetic.environment(SETTINGS["default"], caller) == {"MINE": "here"}
    lowest = arithmetic.environment(SETTINGS["lowest"], caller)
    assert lowest == {"MINE": "here", **arithmetic.variables(SETTINGS["lowest"])}


def test_a_block_gives_it_to_the_processes_that_start_there_and_puts_everything_back():
    former = dict(os.environ)
    command = [sys.executable, "-c", "import sys; print(sys.flags.hash_randomization)"]
    with arithmetic.given(SETTINGS["lowest"]):
        assert os.environ["PYTHONHASHSEED"] == "0"
        assert subprocess.run(command, capture_output=True, text=True).stdout == "0\n"
    assert dict(os.environ) == former


def test_numpy_is_told_of_nothing_that_it_would_warn_of():
    for setting in SETTINGS.values():
        command = [sys.executable, "-W", "error", "-c", "import numpy"]
        environment = arithmetic.environment(setting)
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_processor_that_lacks_what_a_setting_takes_away_is_said(monkeypatch):
    older = arithmetic.Processor(("AVX2", "FMA3"), "avx2")
    monkeypatch.setattr(arithmetic, "_processor", lambda: older)
    monkeypatch.setattr(arithmetic.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(arithmetic.platform, "system", lambda: "Linux")
    none = "this processor has no AVX-512, so no instructions are taken away"
    assert arithmetic.lacking(SETTINGS["avx2"]) == [none]
    assert arithmetic.lacking(SETTINGS["lowest"]) == []
    assert arithmetic.variables(SETTINGS["avx"])[arithmetic.NUMPY] == "AVX2 FMA3"
    assert arithmetic.NUMPY not in arithmetic.variables(SETTINGS["avx2"])


def test_fewer_processors_than_threads_are_said(monkeypatch):
    monkeypatch.setattr(arithmetic, "_processors", lambda: 2)
    (sentence,) = arithmetic.lacking(SETTINGS["four-threads"])
    assert sentence.startswith("2 processors for 4 threads")


@pytest.mark.parametrize(("machine", "system"), [("arm64", "Darwin"), ("aarch64", "Linux")])
def test_elsewhere_what_is_not_applicable_is_said_and_not_set(monkeypatch, machine, system):
    arm = arithmetic.Processor(("ASIMDHP", "ASIMDDP"), "none")
    monkeypatch.setattr(arithmetic, "_processor", lambda: arm)
    monkeypatch.setattr(arithmetic.platform, "machine", lambda: machine)
    monkeypatch.setattr(arithmetic.platform, "system", lambda: system)
    lowest = arithmetic.variables(SETTINGS["lowest"])
    assert lowest["ATEN_CPU_CAPABILITY"] == "default"
    assert lowest[arithmetic.NUMPY] == "ASIMDHP ASIMDDP"
    assert lowest["OMP_NUM_THREADS"] == "1"
    assert not {"XLA_FLAGS", "OPENBLAS_CORETYPE", "GLIBC_TUNABLES"} & set(lowest)
    (sentence,) = arithmetic.lacking(SETTINGS["lowest"])
    assert "not applicable" in sentence
    assert "XLA" in sentence
    (sentence,) = arithmetic.lacking(SETTINGS["avx2"])
    assert sentence == f"{machine} has no AVX2: not applicable"


def test_on_windows_the_c_library_is_not_capped_and_that_is_said(monkeypatch):
    monkeypatch.setattr(arithmetic.platform, "machine", lambda: "AMD64")
    monkeypatch.setattr(arithmetic.platform, "system", lambda: "Windows")
    assert "GLIBC_TUNABLES" not in arithmetic.variables(SETTINGS["lowest"])
    assert "OPENBLAS_CORETYPE" in arithmetic.variables(SETTINGS["lowest"])
    sentences = arithmetic.lacking(SETTINGS["lowest"])
    assert "not applicable on Windows: the C library's functions" in sentences


def test_the_extremes_have_least_and_most_of_both():
    lowest, *_, most = (SETTINGS[name] for name in EXTREMES)
    levels = [setting.level for setting in SETTINGS.values() if setting.level]
    threads = [setting.threads for setting in SETTINGS.values() if setting.threads]
    assert (lowest.level, lowest.threads) == (min(levels, key=arithmetic.LEVELS.index), 1)
    assert (most.level, most.threads) == ("", max(threads))


@pytest.mark.parametrize("name", arithmetic.VARIABLES)
def test_no_kernel_comes_from_a_server_with_another_arithmetic(name):
    def server(value):
        return fingerprint("python", (), {name: value}, "/").name

    assert len({server("1"), server("2"), fingerprint("python", (), {}, "/").name}) == 3


def test_two_devices_keep_the_flags_of_the_process(monkeypatch):
    from slotscope.engines.driving.devices import DataParallel

    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_max_isa=AVX")
    given = DataParallel().environment["XLA_FLAGS"]
    assert given.split() == ["--xla_cpu_max_isa=AVX", "--xla_force_host_platform_device_count=2"]
    monkeypatch.delenv("XLA_FLAGS")
    given = DataParallel().environment["XLA_FLAGS"]
    assert given == "--xla_force_host_platform_device_count=2"


def rows(heading):
    """The cells of the table with this first column in the guide."""
    lines = (ROOT / "docs" / "portability.md").read_text().splitlines()
    (start,) = (n for n, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    after = itertools.takewhile(lambda line: line.startswith("|"), lines[start + 2 :])
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in after]


def test_the_guide_shows_the_settings_as_they_are():
    expected = [
        [
            f"`{setting.name}`",
            setting.sentence,
            arithmetic.NAMES[setting.level] if setting.level else "all",
            str(setting.threads or "as libraries choose"),
        ]
        for setting in SETTINGS.values()
    ]
    assert rows("setting") == expected


def test_the_guide_names_each_variable_beside_its_library():
    (numpy, *others) = rows("library")
    assert f"`{arithmetic.NUMPY}`" in numpy[1]
    assert others == [[cap.library, f"`{cap.variable}`"] for cap in arithmetic.CAPS]
    guide = (ROOT / "docs" / "portability.md").read_text()
    assert all(f"`{name}`" in guide for name in (*arithmetic.THREADS, *EXTREMES))


def test_of_the_table_at_least_four_settings_are_run_by_default():
    assert len(SETTINGS) >= 4
    assert {setting.threads for setting in SETTINGS.values()} >= {1, 2, 4}
