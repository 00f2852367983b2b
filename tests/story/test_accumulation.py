"""What accumulating the gradients of small batches gives, beside one big batch."""

import numpy as np
from engine_cases import KERAS_3, on

from slotscope.story.accumulation import SITUATIONS, accumulated, averaged


def test_the_average_forgets_at_every_call():
    weights = [[np.array([w])] for w in (0.0, 1.0, 1.0, 3.0)]
    # The first update is done at the second call: 1, then (1 + 1) / 2, then (1 + 3) / 2.
    assert averaged(weights, 2)[0].tolist() == [2.0]


@on(*KERAS_3)
def test_every_situation_has_its_law_or_none(engine):
    found = accumulated(engine, "SGD", size=4, steps=2, updates=3, seed=1)
    assert list(found.index) == list(SITUATIONS)
    assert found.index[found["from law"].isna()].tolist() == ["normalised"]
    assert found["from law"].max() < 2**-10
    same = ["equal sizes", "clipped", "weight decay"]
    assert found.loc[same, "apart"].max() < 2**-10 < found.drop(index=same)["apart"].min()
