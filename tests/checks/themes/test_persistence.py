"""The checks of persistence and of configs: each catches what breaks its sentence, and no more.

Most run on torch, where nothing is compiled.
"""

from checked import outcomes, violated
from engine_cases import on
from heavy_ball import heavy_ball

from slotscope.checking.check_optimizer import check_optimizer


def maker(cls, **arguments):
    """What makes an optimizer with these arguments."""
    return lambda: cls(**{"learning_rate": 0.125, **arguments})


def lost(engine, cls, id, words, **arguments):
    """Assert that one check says ``words`` of a violation."""
    violated(engine, maker(cls, **arguments), id, words)


def holds(engine, cls, *ids, **arguments):
    """Assert that each of these checks holds."""
    found = outcomes(engine, maker(cls, **arguments), *ids)
    assert {verdict for verdict, _ in found.values()} == {"holds"}, found


@on("keras-torch", "keras-jax")
def test_a_correct_custom_optimizer_goes_through_files(engine):
    """It was never registered: its class is given to the loader by name."""
    holds(
        engine,
        heavy_ball(engine),
        "check_training_resumes_from_a_file[.keras]",
        "check_training_resumes_from_a_file[.weights.h5]",
        "check_training_resumes_from_a_file[pickle]",
        "check_features_resume_from_a_file[.keras: average and accumulation]",
        "check_an_unused_optimizer_is_saved_as_one[.keras]",
        "check_saving_changes_nothing[.keras]",
        "check_state_moves_to_another_optimizer[set_weights: as it is]",
    )


@on("keras-torch")
def test_nothing_is_violated_by_a_correct_custom_optimizer(engine):
    """What Keras's own base class gets wrong is a known difference of every optimizer."""
    cls = heavy_ball(engine)
    for theme in ("configs", "arguments"):
        report = check_optimizer(lambda: cls(0.125), engine=engine, themes=[theme], verbose=False)
        assert report.exit_code == 0, report.of("violated")
        assert report.of("holds")


@on("keras-torch")
def test_state_in_a_plain_attribute_is_lost(engine):
    """The file has no place for what is not a variable."""
    base = heavy_ball(engine)

    class Ball(base):
        def build(self, variables):
            if not self.built:
                engine.keras.optimizers.Optimizer.build(self, variables)
                self.kept = {}

        def update_step(self, gradient, variable, learning_rate):
            index = self._get_variable_index(variable)
            self.kept[index] = self.friction * self.kept.get(index, 0.0) + gradient
            self.assign_sub(variable, learning_rate * self.kept[index])

    lost(
        engine,
        Ball,
        "check_training_resumes_from_a_file[.keras]",
        "2 steps after loading from .keras, against a run that was never interrupted: weight",
    )
    lost(
        engine,
        Ball,
        "check_state_moves_to_another_optimizer[load_own_variables: as it is]",
        "two steps after load_own_variables: p0",
    )


@on("keras-torch")
def test_a_slot_that_is_not_loaded_is_seen_right_after_loading(engine):
    """Not only in what becomes of it."""
    base = heavy_ball(engine)

    class Ball(base):
        def load_own_variables(self, store):
            for number, variable in enumerate(self.variables[:-1]):
                variable.assign(store[str(number)])

    lost(
        engine,
        Ball,
        "check_training_resumes_from_a_file[.weights.h5]",
        "right after loading from .weights.h5, momentum/out/bias",
    )


@on("keras-torch")
def test_a_save_that_resets_a_slot_is_found(engine):
    """The model that was saved is not the one that trains on."""
    base = heavy_ball(engine)

    class Ball(base):
        def save_own_variables(self, store):
            super().save_own_variables(store)
            self.momentums[0].assign(0 * self.momentums[0])

    lost(
        engine,
        Ball,
        "check_saving_changes_nothing[.keras]",
        "after saving as .keras, momentum/hidden/kernel",
    )


@on("keras-torch")
def test_an_argument_that_the_config_lacks_is_found(engine):
    """And one that it reports as its default."""
    base = heavy_ball(engine)

    class Forgets(base):
        def get_config(self):
            return {k: v for k, v in super().get_config().items() if k != "friction"}

    class Pretends(base):
        def get_config(self):
            return {**super().get_config(), "friction": 0.5}

    check = "check_a_config_keeps_every_argument"
    words = "friction is 0.25 before and 0.5 after"
    lost(engine, Forgets, f"{check}[as it is]", words, friction=0.25)
    lost(engine, Forgets, f"{check}[friction]", words)
    lost(engine, Pretends, f"{check}[friction]", "friction=0.25 is 0.5 in the config")
    holds(engine, base, check)


@on("keras-torch")
def test_an_optimizer_without_a_get_config_is_clean_at_its_defaults(engine):
    """With others it is not: a file brings it back with its defaults."""
    base = engine.keras.optimizers.Optimizer

    class Ball(base):
        def __init__(self, learning_rate=0.01, friction=0.5, **kwargs):
            super().__init__(learning_rate=learning_rate, **kwargs)
            self.friction = friction

        def update_step(self, gradient, variable, learning_rate):
            self.assign_sub(variable, self.friction * learning_rate * gradient)

    check = "check_a_config_keeps_every_argument"
    holds(engine, Ball, check, "check_training_resumes_from_a_file[.keras]")


@on("keras-torch")
def test_a_config_that_json_cannot_hold_is_found(engine):
    """And one that is the optimizer's own dict, and one that tells an old learning rate."""
    base = heavy_ball(engine)

    class Odd(base):
        def get_config(self):
            return {**super().get_config(), "friction": {0.5}}

    class Shared(base):
        def get_config(self):
            if not hasattr(self, "config"):
                self.config = dict(super().get_config())
            return self.config

    lost(engine, Odd, "check_a_config_is_json[as it is]", "set is not a value of JSON")
    lost(engine, Shared, "check_a_config_is_the_callers_own", "'name' is gone")

    class Old(base):
        def __init__(self, learning_rate=0.01, **kwargs):
            super().__init__(learning_rate=learning_rate, **kwargs)
            self.first = learning_rate

        def get_config(self):
            return {**super().get_config(), "learning_rate": self.first}

    present = "check_a_config_tells_the_present_learning_rate[in use]"
    lost(engine, Old, present, "was set to 0.0625; its config says 0.125")


@on("keras-torch")
def test_a_from_config_that_takes_from_its_dict_is_found(engine):
    """The second optimizer from one config would miss what the first one took."""
    base = heavy_ball(engine)

    class Takes(base):
        @classmethod
        def from_config(cls, config):
            return cls(friction=config.pop("friction"), **config)

    lost(
        engine,
        Takes,
        "check_a_config_can_be_used_again[from_config]",
        "from_config changed the dict it was given: 'friction' is gone",
    )


@on("keras-torch")
def test_a_strict_set_weights_satisfies_what_keras_does_not(engine):
    """A custom optimizer may do better than Keras: no known difference is missed of it."""
    base = heavy_ball(engine)

    class Strict(base):
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
def test_a_training_that_was_killed_resumes(engine):
    """From the last file that the dead process wrote; a counter in Python dies with it."""
    base = heavy_ball(engine)

    class Counts(base):
        steps = 0

        def update_step(self, gradient, variable, learning_rate):
            self.steps += 1
            super().update_step(gradient, variable, learning_rate / self.steps)

    check = "check_training_resumes_after_a_kill[.keras]"
    holds(engine, base, check)
    lost(engine, Counts, check, "of a process that was killed, weight")


@on("keras-torch")
def test_the_defects_of_keras_are_seen(engine):
    """Those that the suite was calibrated with, in the release in which they were found."""
    adam = engine.keras.optimizers.Adam
    found = outcomes(
        engine,
        maker(adam),
        "check_state_moves_to_another_optimizer[set_weights: loss scale]",
        "check_a_state_that_does_not_fit_is_refused[set_weights: too short]",
        "check_a_config_can_be_used_again[from_config with a schedule]",
    )
    assert {verdict for verdict, _ in found.values()} == {"known difference"}


@on("tf_keras")
def test_a_file_format_of_tensorflow_resumes(engine):
    """Checkpoints hold the learning rate too, which ``.weights.h5`` of tf_keras does not."""
    holds(
        engine,
        engine.optimizers.SGD,
        "check_training_resumes_from_a_file[tf.train.Checkpoint]",
        "check_training_resumes_from_a_file[.weights.h5]",
        momentum=0.5,
    )


@on("tf_keras-graph")
def test_a_graph_is_saved_with_its_session(engine):
    """In the file of a Saver, and in an ``.h5`` file."""
    holds(
        engine,
        engine.optimizers.SGD,
        "check_training_resumes_from_a_file[tf.train.Saver]",
        "check_training_resumes_from_a_file[.h5]",
        momentum=0.5,
    )
