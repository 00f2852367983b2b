"""The kept verdicts: whole, as many as there are checks, and compared with those of another run."""

import json

import pytest
from engine_cases import on
from repository_root import ROOT

from slotscope.checks.selection import select
from slotscope.checks.subjects.given import builtin
from slotscope.checks.verdict import RARE, Verdict
from slotscope.engines import ENGINES
from slotscope.story import recorded_verdicts
from tools import everything

#: What a record counts; where something was undecided, nothing is recorded.
KINDS = [str(verdict) for verdict in Verdict if verdict not in RARE]

#: Engines of which every optimizer's checks are counted here, and what records these two anew.
COUNTED = ("keras-torch", "keras-2.1")
RECORD = f"python -m nox -s checks -- {' '.join(COUNTED)} --record"
#: Prints the counts, so its stored outputs change with them.
NOTEBOOK = "notebooks/05_every_optimizer_prepares_its_slots_once.ipynb"


def test_nothing_is_violated_on_any_engine():
    table = recorded_verdicts.recorded()
    assert list(table["engine"].unique()) == list(ENGINES)
    assert (table["violated"] == 0).all()
    assert (table["holds"] > 50).all()


@on(*COUNTED)
def test_they_are_of_the_checks_that_there_are(engine):
    counts = recorded_verdicts.recorded().set_index(recorded_verdicts.KEYS)[KINDS]
    table = counts.sum(axis="columns")
    now = {name: len(select(builtin(engine, name))) for name in engine.optimizer_names}
    assert now == table[engine.name].to_dict(), (
        f"{recorded_verdicts.FILE.name} has another number of checks than there are: was one added"
        f" or taken away, or a case of one? To record them anew: {RECORD}, and then"
        f" python -m nox -s bless -- {NOTEBOOK}"
    )


def test_contributors_are_told_how_to_record_them():
    told = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert RECORD in told
    assert f"bless -- {NOTEBOOK}" in told
    assert "recorded_verdicts" in (ROOT / NOTEBOOK).read_text("utf-8")


def test_they_are_summed_over_engines():
    one, two = (recorded_verdicts.verdicts([name]) for name in ("keras-jax", "keras-torch"))
    both = recorded_verdicts.verdicts(["keras-jax", "keras-torch"])
    assert (both == one + two).all(axis=None)


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """A run of one optimizer on torch, and a file of the same verdicts."""
    monkeypatch.setattr(everything, "RECORDS", tmp_path)
    monkeypatch.setattr(recorded_verdicts, "FILE", tmp_path / "verdicts.csv")

    def run(**counts):
        whole = dict.fromkeys(KINDS, 0) | counts
        report = {"optimizer": "SGD", "versions": {"keras": "3", "torch": "2"}, "counts": whole}
        (tmp_path / "keras-torch.json").write_text(json.dumps({"reports": [report]}), "utf-8")
        return everything.counted("keras-torch")

    everything.record(run(holds=3))
    return run


def test_the_same_counts_are_no_difference(ran):
    assert everything.differing(ran(holds=3)) == []
    (row,) = recorded_verdicts.recorded().to_dict("records")
    assert (row["engine"], row["versions"], row["holds"]) == ("keras-torch", "keras 3, torch 2", 3)


def test_other_counts_are_told(ran):
    (line,) = everything.differing(ran(holds=2, violated=1))
    assert line.startswith("SGD on keras-torch: ")


def test_what_races_may_hold_in_the_next_run(ran):
    assert everything.differing(ran(holds=2, **{"not reproducible": 1})) == []
    assert everything.differing(ran(holds=1, **{"not reproducible": 1})) != []


def test_recording_one_engine_keeps_the_others(ran):
    other = ran(holds=5).assign(engine="keras-2.1")
    everything.record(other)
    assert list(recorded_verdicts.recorded()["engine"]) == ["keras-2.1", "keras-torch"]
