"""Callbacks: an optimizer that breaks what one of them promises is caught, a correct one is not."""

from unittest import mock

from checked import caught, clean, every_mistake, violated
from engine_cases import on
from heavy_ball import heavy_ball

RATE = "check_a_callback_sets_the_learning_rate_of_the_next_epoch"
BEST = "check_an_early_stop_restores_the_best_weights"
SWAPPED = "check_swapped_averages_are_the_weights_in_the_end"


@on("keras-torch", "keras-jax", "keras-tensorflow")
def test_a_correct_optimizer_is_clean(engine):
    clean(engine, heavy_ball(engine), 5, themes=["callbacks"])


@caught(f"{RATE}[LearningRateScheduler]", "three epochs under LearningRateScheduler")
@caught(f"{RATE}[ReduceLROnPlateau]", "three epochs under ReduceLROnPlateau")
class KeepsTheRateOfItsFirstStep:
    def apply(self, grads, trainable_variables=None):
        if not hasattr(self, "first"):
            self.first = float(self.learning_rate)
        super().apply(grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, self.first)


@caught(f"{SWAPPED}[at each epoch]", "beside use_ema alone")
class KeepsItsAveragesToItself:
    def finalize_variable_values(self, var_list):
        pass


@on("keras-torch")
def test_a_callback_that_does_not_restore_is_seen(engine):
    callbacks = engine.keras.callbacks

    class Forgets(callbacks.EarlyStopping):
        def __init__(self, *args, restore_best_weights, **options):
            super().__init__(*args, **options)

    with mock.patch.object(callbacks, "EarlyStopping", Forgets):
        violated(engine, heavy_ball(engine), BEST, "of which the first was better")


test_every_mistake_is_caught = every_mistake(__name__)
