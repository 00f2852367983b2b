"""The kinds of events: each is its text, says what it means, and stands in the guide."""

import re

import pytest
from repository_root import ROOT

from slotscope.recording.records import Event, EventKind


def test_a_kind_is_its_text():
    assert Event("frozen mirror", 3).kind is EventKind.FROZEN_MIRROR
    assert EventKind.FROZEN_MIRROR == "frozen mirror" == str(EventKind.FROZEN_MIRROR)


def test_a_kind_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="'frozen' is not a valid EventKind"):
        Event("frozen", 3)


def test_the_guide_says_of_every_kind_what_it_means():
    page = (ROOT / "docs" / "watching.md").read_text("utf-8")
    assert dict(re.findall(r"^\| `([a-z ]+)` \| (.+) \|$", page, re.M)).items() >= {
        (kind.value, kind.meaning) for kind in EventKind
    }
