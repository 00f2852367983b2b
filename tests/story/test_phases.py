"""A model's life in phases, and the tables that show it."""

from engine_cases import on

from slotscope.recording.recording import Recording
from slotscope.story.one_weight import one_weight
from slotscope.story.phases import PHASES, in_words, life, side_by_side, two_layers


@on("keras-2.1", "keras-tensorflow", "keras-torch")
def test_each_phase_has_its_own_counts(engine):
    recording, counts = life(engine, one_weight, "SGD", batches=2, epochs=3, momentum=0.5)
    assert list(counts.index) == list(PHASES)
    assert list(counts["steps"]) == [6, 6, 0, 6]
    again = 1 if engine.name == "keras-2.1" else 0
    assert list(counts["slots created"]) == [1, 0, 0, again]
    assert counts.sum().to_dict() == recording.counts


@on("keras-2.1")
def test_two_layers_have_four_parameters(engine):
    _, counts = life(engine, two_layers, "RMSprop", batches=1)
    assert counts.loc["first fit", "slots created"] == 4
    words = in_words(counts)
    assert list(words) == ["get_updates 1, slots created 4", "", "", words["first fit"]]


def test_counts_stand_side_by_side_with_totals_last():
    totals = {"slots created": 2, "traces": 0, "steps": 3}
    table = side_by_side(
        {
            "old": Recording("old", {}, "SGD", counts={"get_updates": 1, **totals}),
            "new": Recording("new", {}, "SGD", counts={"build": 1, **totals}),
        }
    )
    assert list(table.index) == ["get_updates", "build", *totals]
    assert list(table.loc["build"]) == ["", 1]
    assert list(table.loc["steps"]) == [3, 3]
