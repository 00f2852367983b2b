"""The benchmarks' page is what their numbers say."""

import shutil

from benchmarks import page, warm_kernels


def costs(ordinary, warm, cells):
    """One round of one tool, as it is measured."""
    both = {"ordinary": ordinary, "warm": warm}
    tool = {kind: {"cpu": cpu, "wall": cpu / 2} for kind, cpu in both.items()}
    return {"nbval": tool, "cells": {"cpu": cells, "wall": cells / 2}}


def test_the_page_is_made_of_the_files_beside_it(pytestconfig, tmp_path):
    docs = pytestconfig.rootpath / "docs"
    folder = tmp_path / "benchmarks"
    shutil.copytree(docs / "benchmarks", folder)
    page.write(folder)
    written, kept = ((place / "benchmarks.md").read_text("utf-8") for place in (tmp_path, docs))
    assert written == kept
    assert {file.stem for file in folder.glob("*.json")} == set(page.PARTS)


def test_what_misses_its_target_is_bold():
    assert page._marked(0.456, 0.45) == "**0.46**"
    assert page._marked(0.44, 0.45) == "0.44"
    assert page._marked(7.0, None) == "7.00"


def test_ratios_are_taken_within_a_round():
    rounds = [costs(100.0, 50.0, 20.0), costs(200.0, 60.0, 20.0), costs(100.0, 40.0, 20.0)]
    cpu, wall = warm_kernels._summary(rounds)
    assert (cpu["ratio"], cpu["extremes"]) == (0.4, [0.3, 0.5])
    assert (cpu["floor"], cpu["ordinary"], cpu["warm"]) == (0.2, 100.0, 50.0)
    assert (wall["quantity"], wall["target"], wall["ratio"]) == ("wall", 0.5, 0.4)
