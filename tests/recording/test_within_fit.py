"""A watch that is opened or closed while ``fit`` runs: the training ends where it would have."""

from engine_cases import KERAS_3, data, dense_model, on, same, state

import slotscope

X, Y = data()


def watching(engine, keep, first, last, recordings):
    """A callback that opens a watch as the epoch ``first`` begins, and closes it after ``last``."""

    class Watching(engine.keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == first:
                self.watch = slotscope.watch(self.model, keep=keep)
                recordings.append(self.watch.__enter__())

        def on_epoch_end(self, epoch, logs=None):
            if epoch == last:
                self.watch.__exit__(None, None, None)

    return Watching()


@on("tf_keras-legacy", "tf_keras", *KERAS_3)
def test_opened_and_closed_within_fit(engine):
    def end(keep=None, first=9, last=9):
        model, recordings = dense_model(engine), []
        callbacks = [watching(engine, keep, first, last, recordings)]
        model.fit(X, Y, epochs=4, batch_size=32, verbose=0, callbacks=callbacks)
        model.fit(X, Y, batch_size=32, verbose=0)
        return state(engine, model), *recordings

    (plain,) = end()
    for keep in ("values", "norms", "statistics"):
        for first, last in ((1, 2), (0, 0), (3, 3)):
            watched, recording = end(keep, first, last)
            assert same(plain, watched), (keep, first, last)
            begin, made = 3 * first, 3 * (last - first + 1)
            assert recording.iterations.tolist() == list(range(begin + 1, begin + made + 1))
            assert recording.counts["steps"] == made


@on("tf_keras-legacy", "tf_keras", *KERAS_3)
def test_opened_before_fit_and_closed_within_it(engine):
    for keep in ("values", "norms"):
        model = dense_model(engine)
        watch = slotscope.watch(model, keep=keep)

        class Close(engine.keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None, watch=watch):
                if epoch == 0:
                    watch.__exit__(None, None, None)

        recording = watch.__enter__()
        model.fit(X, Y, epochs=3, batch_size=32, verbose=0, callbacks=[Close()])
        assert recording.iterations.tolist() == [1, 2, 3]
        assert int(engine.read([engine.iterations(model.optimizer)], engine.at_end())[0]) == 9
