"""Callbacks: what moves rates, weights and averages around a fit leaves what it promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from slotscope.checks.check import check
from slotscope.checks.problems.comparing import difference, nearly_same_states, same_end
from slotscope.checks.problems.small_models import Fitted, model_of
from slotscope.checks.problems.state import State, weights_of
from slotscope.checks.subjects.requirements import (
    needs_arguments,
    needs_no_averages,
    rate_can_be_set,
)
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import NotApplicable, Violation

PLACE, SECONDS = 10, 0.5

#: The learning rate of each epoch.
RATES = (0.125, 0.0625, 0.03125)


def _callback(fitted: Fitted, name: str, *args: Any, **options: Any) -> Any:
    """A callback of the engine's Keras.

    Raises:
        NotApplicable: it has none of this name, or with fewer options.
    """
    found = getattr(fitted.engine.keras.callbacks, name, None)
    if found is None:
        raise NotApplicable(f"{fitted.engine.name} has no callback {name}")
    try:
        return found(*args, **options)
    except TypeError as error:  # of a release that has fewer arguments
        raise NotApplicable(f"the {name} of {fitted.engine.name} is older: {error}") from None


@check(cases=("LearningRateScheduler", "ReduceLROnPlateau"))
def check_a_callback_sets_the_learning_rate_of_the_next_epoch(subject: Subject, case: str) -> None:
    """Epochs whose learning rate a callback sets end as fits whose rate was set before."""
    if not rate_can_be_set(subject):
        raise NotApplicable("its learning rate is a schedule or a function")
    needs_no_averages(subject)
    steady = [RATES[0]] * 2
    plain = model_of(subject, learning_rate=steady[0])
    plain.fit(epochs=2)
    if difference(plain.state, _made_anew(subject, steady, steady[0])):
        raise NotApplicable("its variables do not hold all of its state: nothing to compare with")
    plateau = case == "ReduceLROnPlateau"
    rates = (RATES[0], RATES[0], RATES[1]) if plateau else RATES
    last = RATES[2]  # a plateau sets it after the last epoch

    def by_callback() -> State:
        fitted = model_of(subject, learning_rate=rates[0])
        if plateau:  # no loss is better by so much than the first, which is better than none
            callback = _callback(fitted, case, "loss", factor=0.5, patience=1, min_delta=1e9)
        else:
            callback = _callback(fitted, case, lambda epoch, *_: rates[epoch])
        fitted.fit(epochs=len(rates), callbacks=[callback])
        return fitted.state

    same_end(lambda: [_made_anew(subject, rates, last)], by_callback, f"three epochs under {case}")


def _made_anew(subject: Subject, rates: Sequence[float], last: float) -> State:
    """The end of as many epochs, each by an optimizer that was made with the rate of the epoch."""
    state: State = {}
    for rate in rates:
        fitted = model_of(subject, learning_rate=rate)
        with fitted.engine.scope():
            fitted.engine.build_for(fitted.model)
        if state:
            fitted.take(state)
        fitted.fit()
        state = fitted.state
    fitted.engine.set_learning_rate(fitted.optimizer, last)
    return fitted.state


@check()
def check_an_early_stop_restores_the_best_weights(subject: Subject) -> None:
    """``EarlyStopping(restore_best_weights=True)`` leaves the weights of the best epoch."""
    needs_no_averages(subject)
    fitted, weights = model_of(subject), list[list[np.ndarray]]()

    def keep(epoch: int, logs: dict[str, float]) -> None:
        weights.append(fitted.model.get_weights())
        logs["epochs left"] = 3.0 - epoch  # so that the first one is the best

    stop = _callback(
        fitted, "EarlyStopping", "epochs left", mode="max", patience=1, restore_best_weights=True
    )
    fitted.fit(epochs=3, callbacks=[_callback(fitted, "LambdaCallback", on_epoch_end=keep), stop])
    if len(weights) == 3:
        raise NotApplicable("its EarlyStopping does not see what another callback has found")
    with fitted.engine.scope():
        left = fitted.model.get_weights()
    expected, found = (
        {f"weight {n}": w for n, w in enumerate(arrays)} for arrays in (weights[0], left)
    )
    said = difference(expected, found)
    if said:
        raise Violation(f"stopped after its second epoch, of which the first was better: {said}")


SWAPS = {
    "at the end": {"swap_on_epoch": False},
    "at each epoch": {"swap_on_epoch": True},
    "at the end, stopped early": {"swap_on_epoch": False},
    "at each epoch, stopped early": {"swap_on_epoch": True},
}


@check(cases=tuple(SWAPS))
def check_swapped_averages_are_the_weights_in_the_end(subject: Subject, case: str) -> None:
    """After a fit with ``SwapEMAWeights`` each weight is its average, however the fit ends."""
    needs_arguments(subject, "use_ema", "ema_momentum")
    averaging: dict[str, Any] = {"use_ema": True, "ema_momentum": 0.75}
    stopped = case.endswith("stopped early")

    def end(swapped: bool) -> State:
        fitted = model_of(subject, **averaging)
        callbacks = [_stop(fitted)] if stopped else []
        if swapped:
            callbacks.insert(0, _callback(fitted, "SwapEMAWeights", **SWAPS[case]))
        fitted.fit(epochs=4 if stopped else 2, callbacks=callbacks)
        return weights_of(fitted.state)

    what = f"two epochs with SwapEMAWeights that swaps {case}, beside use_ema alone"
    # On TensorFlow it swaps by sums and differences, which are rounded.
    nearly_same_states([end(False)], [end(True)], what)


def _stop(fitted: Fitted) -> Any:
    """A callback that ends the fit after its second epoch."""

    def stop(epoch: int, logs: Any) -> None:
        fitted.model.stop_training = epoch == 1

    return _callback(fitted, "LambdaCallback", on_epoch_end=stop)
