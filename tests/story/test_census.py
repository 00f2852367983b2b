"""The census of optimizers: what it records, and how its tables are read."""

import pandas as pd
import pytest

import slotscope
from slotscope.story.census import census, construction, gathered, slots_by_engine


@pytest.fixture(scope="module")
def of_keras_21():
    return slotscope.on_engine("keras-2.1", census)


def test_every_optimizer_is_in_it_and_those_with_options_twice(of_keras_21):
    names = slotscope.engine("keras-2.1").optimizer_names
    options = ["SGD(momentum=0.5)", "Adam(amsgrad=True)"]
    assert set(of_keras_21["optimizer"]) == {*names, *options}
    assert set(of_keras_21["engine"]) == {"keras-2.1"}


def test_a_slot_is_described(of_keras_21):
    slots = of_keras_21[of_keras_21["optimizer"] == "Adam"].set_index(["slot", "parameter"])
    row = slots.loc[("velocity", "kernel")]
    assert (row["constructor"], row["calls"], row["created"]) == ("get_updates", 1, 0)
    assert (row["shape"], row["initial"], row["moved"], row["listed"]) == ((4, 3), 0, True, True)
    assert not slots.loc[("velocity_hat", "bias"), "moved"]


def test_a_variable_that_the_optimizer_does_not_list_is_told(of_keras_21):
    listed = of_keras_21[of_keras_21["slot"] == "iterations"].set_index("optimizer")["listed"]
    assert listed["Adam"]
    assert not listed["RMSprop"]


def rows(entries):
    """A census of lines: engine, optimizer, slot, created and, where it has one, parameter."""
    columns = ["engine", "optimizer", "slot", "created", "parameter"]
    lines = [(*line.split(), "")[: len(columns)] for line in entries.splitlines()]
    table = pd.DataFrame(lines, columns=columns).astype({"created": int})
    return table.assign(constructor="build", calls=1)


def test_engines_with_the_same_slots_share_a_column():
    entries = """one SGD momentum 0 kernel
one SGD momentum 0 bias
two SGD iterations 0
two Lion momentum 0 kernel
three SGD momentum 0 kernel
three SGD momentum 0 bias"""
    table = slots_by_engine(rows(entries))
    assert list(table.columns) == ["one, three", "two"]
    assert list(table.loc["SGD"]) == ["momentum", "none"]
    assert list(table.loc["Lion"]) == ["", "kernel: momentum; bias: "]


def test_slots_that_appear_later_are_counted_apart():
    entries = "one SGD iterations 0\none SGD momentum 0 kernel\none SGD momentum 2 bias"
    row = construction(rows(entries)).loc["one"]
    assert (row["optimizers"], row["calls"]) == (1, "1")
    assert (row["slots before the first step"], row["slots later"]) == (1, 1)


def test_equal_rows_are_gathered_with_their_engines():
    entries = "one Adam velocity 0 kernel\none Adam velocity 0 bias\ntwo Adam velocity 0 kernel"
    table = gathered(rows(entries), "optimizer", "slot")
    assert table.to_dict("records") == [
        {"optimizer": "Adam", "slot": "velocity", "engines": "one, two"}
    ]
