"""What a report says "to see it" runs, in an empty folder, and shows what it says."""

import functools
import os
import subprocess
import sys

import pytest
from engine_cases import on

from slotscope import on_engine
from slotscope.checking.request import Request
from slotscope.checks.runner import run
from slotscope.checks.selection import select
from slotscope.checks.subjects.as_code import given, made
from slotscope.checks.subjects.given import subject_of

#: Broken in ways that need different code: a rate called `lr`, a config that only `from_config`
#: understands; a target that is a class, one within another, a function, what binds an argument,
#: an instance.
OPTIMIZERS = """
import functools

import keras

from slotscope.rules.sgd import SGD


class Ascends(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.125, mapping=None, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.mapping = mapping

    def update_step(self, gradient, variable, learning_rate):
        self.assign_add(variable, learning_rate * gradient)

    def get_config(self):
        return {**super().get_config(), "mapping": self.mapping}


class Lr(Ascends):
    def __init__(self, lr=0.125, **kwargs):
        super().__init__(learning_rate=lr, **kwargs)


class Outer:
    class Inner(Lr):
        pass


class Mapped(Ascends):
    def __init__(self, speed=0.125, **kwargs):
        super().__init__(learning_rate=speed, **kwargs)

    @classmethod
    def from_config(cls, config):
        return cls(config.pop("learning_rate"), **config)


def returned():
    return Mapped(0.5)


bound = functools.partial(Lr, 0.5)
instance = Ascends(0.25)
rule = SGD(learning_rate=0.125)
"""

ONE = "check_every_step_follows_the_rule[scalar]"
CLIPPED = "check_features_together_do_what_each_promises[clipnorm]"
READ = "check_what_was_serialized_can_be_used_again"

CASES = {
    "Ascends": (ONE, CLIPPED),
    "Lr": (CLIPPED, READ),
    "Outer.Inner": (ONE,),
    "returned": (CLIPPED,),
    "bound": (ONE,),
    "instance": (ONE,),
}


def examples(engine, file, name, settings):
    """The examples of what is violated by a target in a file, each with what is said of it."""
    request = Request(f"{file}:{name}", engine.name, settings, f"{file}:rule")
    subject = request.subject()
    outcomes = list(run(subject, select(subject, CASES[name])))
    assert {str(outcome.verdict) for outcome in outcomes} == {"violated"}, outcomes
    return [(outcome.example, outcome.reason) for outcome in outcomes]


def printed(code, empty):
    """What a program prints in an empty folder, in a process that knows of nothing else."""
    surroundings = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    words = [sys.executable, "-c", code]
    done = subprocess.run(
        words, cwd=empty, env=surroundings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{code}\n{done.stderr}"
    assert list(empty.iterdir()) == []
    return done.stdout


@pytest.mark.parametrize("name", CASES)
def test_an_example_runs_in_an_empty_folder_and_shows_the_violation(tmp_path, name):
    folder, empty = tmp_path / "of an author", tmp_path / "empty"
    folder.mkdir()
    empty.mkdir()
    file = folder / f"mine_{name.replace('.', '_').lower()}.py"
    file.write_text(OPTIMIZERS)
    settings = (("learning_rate", 0.25),) if name == "Ascends" else ()
    for code, reason in on_engine("keras-torch", examples, str(file), name, settings):
        said, found = code.splitlines()[-1], printed(code, empty)
        if said.startswith("# "):
            assert said.partition(" is ")[2].partition(";")[0][:8] in found, code
        else:
            assert "1 of 1 checks is violated" in found, code
            assert reason.splitlines()[0] in found, code


@on("keras-torch")
def test_what_no_code_can_say_is_asked_for(engine):
    """A function without a name makes one that holds an object without a literal."""

    class Mine(engine.keras.optimizers.SGD):
        def __init__(self, mapping=None, **kwargs):
            super().__init__(**kwargs)
            self.mapping = mapping

        def get_config(self):
            return {**super().get_config(), "mapping": self.mapping}

    code = given(subject_of(lambda: Mine({"module": len}), engine=engine))
    assert code.text == "lambda: make()"
    assert code.imports == ("# here stands make, which returns the optimizer as it was given",)
    code = given(subject_of(functools.partial(Mine, {"module": len}), engine=engine))
    assert code.text == "make"
    code = given(subject_of(functools.partial(Mine, momentum=0.5), engine=engine))
    assert code.text == "functools.partial(Mine, momentum=0.5)"
    assert code.imports == ("import functools", "# here stands the class Mine")
    keras_own = lambda: engine.keras.optimizers.SGD(0.5)  # noqa: E731
    code = made(subject_of(keras_own, engine=engine), {"momentum": 0.25})
    assert code.text == "keras.optimizers.SGD(learning_rate=0.5, momentum=0.25)"
