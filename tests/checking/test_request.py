"""What the command is asked in words: refused with a hint where they stand for nothing."""

import tempfile
from pathlib import Path

import pytest
from engine_cases import on

from slotscope.checking.request import Request
from slotscope.checks.selection import select
from slotscope.errors import SlotscopeError

OPTIMIZER = """
import keras


class Right(keras.optimizers.SGD):
    def __init__(self, learning_rate=0.125, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)


instance = Right()


def rule(parameter, gradient, slots, iteration):
    return parameter - 0.125 * gradient, {}
"""


@on("keras-torch")
def test_what_is_asked_for_and_cannot_be_is_refused(engine):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "optimizers_of_a_test.py"
        file.write_text(OPTIMIZER)
        for target, more, said in (
            (f"{file}:Rigth", {}, "Did you mean 'Right'"),
            (f"{file}:rule", {}, "needs parameter, gradient, slots, iteration"),
            (f"{file}:instance", {"settings": (("a", 1),)}, "is an instance"),
            (f"{file}:Right", {"settings": (("a", 1),)}, "Right raised .*Error"),
            ("Adam", {"settings": (("beta_9", 1),)}, r"Adam\(beta_9=1\) is refused"),
            ("Adem", {}, "Did you mean 'Adam'"),
            ("Adam", {"themes": ("valeus",)}, "Did you mean 'values'"),
            ("Adam", {"themes": ("nonsense",)}, "There are: construction, identity"),
            ("Adam", {"keyword": "nothing of the kind"}, "No check is left"),
        ):
            request = Request(target, engine=engine.name, **more)
            with pytest.raises(SlotscopeError, match=said):
                select(request.subject(), **request.selection)
