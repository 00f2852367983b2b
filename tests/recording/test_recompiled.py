"""A model that is compiled anew while it is watched trains on as it would unwatched."""

from contextlib import nullcontext

from engine_cases import data, dense_model, on_every_engine, same, state

import slotscope

X, Y = data()


def trained_twice(engine, keep=None):
    """The state after a second compile, with another momentum and loss, and a second fit."""
    model = dense_model(engine, "SGD", momentum=0.5)
    with engine.scope(), slotscope.watch(model, keep=keep) if keep else nullcontext():
        model.fit(X, Y, batch_size=32, shuffle=False, verbose=0)
        optimizer = engine.optimizer("SGD", learning_rate=0.01, momentum=0.25)
        model.compile(optimizer=optimizer, loss="mae")
        model.fit(X, Y, batch_size=32, shuffle=False, verbose=0)
    return state(engine, model)


@on_every_engine
def test_the_new_optimizer_and_the_new_loss_take_over(engine):
    # JAX would run the trace of the first train function for the second one, did it live on.
    unwatched = trained_twice(engine)
    for keep in ("values", "norms", "statistics"):
        assert same(trained_twice(engine, keep), unwatched), keep
