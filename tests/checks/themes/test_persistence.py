"""The checks of persistence: each catches what breaks its sentence, and no more."""

import functools
import warnings

from checked import caught, every_mistake, holds, outcomes, passes
from engine_cases import on
from heavy_ball import heavy_ball

RESUMES = "check_training_resumes_from_a_file"


@on("keras-torch", "keras-jax")
def test_a_correct_custom_optimizer_goes_through_files(engine):
    """It was never registered: its class is given to the loader by name."""
    holds(
        engine,
        heavy_ball(engine),
        f"{RESUMES}[.keras]",
        f"{RESUMES}[.weights.h5]",
        f"{RESUMES}[pickle]",
        "check_features_resume_from_a_file[.keras: average and accumulation]",
        "check_an_unused_optimizer_is_saved_as_one[.keras]",
        "check_saving_changes_nothing[.keras]",
        "check_state_moves_to_another_optimizer[set_weights: as it is]",
    )


@caught(f"{RESUMES}[.keras]", "2 steps after loading from .keras, against a run")
@caught(
    "check_state_moves_to_another_optimizer[load_own_variables: as it is]",
    "two steps after load_own_variables: p0",
)
class KeepsItsStateInPython:
    """No file has a place for what is not a variable."""

    def make_slots(self, variables):
        self.kept = {}

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        self.kept[index] = self.friction * self.kept.get(index, 0.0) + gradient
        self.assign_sub(variable, learning_rate * self.kept[index])


@caught(f"{RESUMES}[.weights.h5]", "right after loading from .weights.h5, momentum/out/bias")
class LoadsAllButOne:
    """It is seen right after loading, not only in what becomes of it."""

    def load_own_variables(self, store):
        for number, variable in enumerate(self.variables[:-1]):
            variable.assign(store[str(number)])


@caught("check_saving_changes_nothing[.keras]", "after saving as .keras, momentum/hidden/kernel")
class ForgetsWhatItSaved:
    """The model that was saved is not the one that trains on."""

    def save_own_variables(self, store):
        super().save_own_variables(store)
        self.momentums[0].assign(0 * self.momentums[0])


KILLED = "check_training_resumes_after_a_kill[.keras]"


@caught(KILLED, "of a process that was killed, weight")
class CountsInPython:
    """The counter dies with its process."""

    steps = 0

    def update_step(self, gradient, variable, learning_rate):
        self.steps += 1
        super().update_step(gradient, variable, learning_rate / self.steps)


COPY = "check_a_copy_has_the_state_or_says_that_it_has_not"
KERAS_3 = ("keras-torch", "keras-jax", "keras-tensorflow")


@caught(f"{COPY}[deepcopy]", "deepcopy lost the state without a word", engines=KERAS_3)
class CopiesNoSlots:
    def __deepcopy__(self, memo):
        copied = type(self)(learning_rate=0.125)
        copied.build(self._trainable_variables)
        return copied


@passes(f"{COPY}[deepcopy]", engines=KERAS_3)
class SaysThatItCopiesNoSlots:
    def __deepcopy__(self, memo):
        warnings.warn("a copy begins anew: its slots are 0", stacklevel=2)
        return CopiesNoSlots.__deepcopy__(self, memo)


@passes(COPY, engines=KERAS_3)
class CopiesAsKerasDoes:
    """With every slot."""


@caught(f"{COPY}[deepcopy]", "RuntimeError: not me", verdict="warning", engines=KERAS_3)
class RefusesToBeCopied:
    def __deepcopy__(self, memo):
        raise RuntimeError("not me")


test_every_mistake_is_caught = every_mistake(__name__)


@on("keras-torch")
def test_a_training_that_was_killed_resumes(engine):
    """From the last file that the dead process wrote."""
    holds(engine, heavy_ball(engine), KILLED)


@on("keras-torch")
def test_a_strict_set_weights_satisfies_what_keras_does_not(engine):
    """A custom optimizer may do better than Keras: no known difference is missed of it."""

    class Strict(heavy_ball(engine)):
        def set_weights(self, weights):
            shapes = [tuple(w.shape) for w in weights]
            if shapes != [tuple(v.shape) for v in self.variables]:
                raise ValueError(f"expected {len(self.variables)} arrays")
            super().set_weights(weights)

    holds(
        engine,
        Strict,
        "check_a_state_that_does_not_fit_is_refused",
        "check_a_refused_state_sets_nothing[set_weights: of a wrong shape]",
    )


@on("keras-torch")
def test_the_defects_of_keras_are_seen(engine):
    """Those that the suite was calibrated with, in the release in which they were found."""
    found = outcomes(
        engine,
        lambda: engine.keras.optimizers.Adam(0.125),
        "check_state_moves_to_another_optimizer[set_weights: loss scale]",
        "check_a_state_that_does_not_fit_is_refused[set_weights: too short]",
        "check_a_config_can_be_used_again[from_config with a schedule]",
    )
    assert {verdict for verdict, _ in found.values()} == {"known difference"}


@on("tf_keras")
def test_what_keras_cannot_copy_is_no_omission_of_an_author(engine):
    class Mine(engine.keras.optimizers.SGD):
        pass

    found = outcomes(engine, functools.partial(Mine, 0.125), COPY)
    assert {verdict for verdict, _ in found.values()} == {"not applicable"}


@on("tf_keras", "tf_keras-graph")
def test_a_file_format_of_tensorflow_resumes(engine):
    """A checkpoint holds the learning rate too, which ``.weights.h5`` of tf_keras does not; a graph
    is saved with its session, in the file of a Saver and in an ``.h5`` file."""
    graph = engine.name == "tf_keras-graph"
    formats = ("tf.train.Saver", ".h5") if graph else ("tf.train.Checkpoint", ".weights.h5")
    make = functools.partial(engine.optimizers.SGD, learning_rate=0.125, momentum=0.5)
    holds(engine, make, *(f"{RESUMES}[{format}]" for format in formats))
