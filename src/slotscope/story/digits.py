"""Handwritten digits, and two small networks that read them.

The images are those that scikit-learn ships, from E. Alpaydin and C. Kaynak, *Optical Recognition
of Handwritten Digits*, UCI Machine Learning Repository, 1998. A pixel is a whole number from 0 to
16; divided by 16 it is exact in float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from slotscope.engines import Engine


def digits(count: int = 1600) -> tuple[np.ndarray, np.ndarray]:
    """The first ``count`` of 1797: images float32 (count, 64) in [0, 1], labels int32 (count,)."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return (images[:count] / 16).astype(np.float32), labels[:count].astype(np.int32)


def classifier(engine: Engine, optimizer: Any) -> Any:
    """64 pixels, 32 hidden units, 10 digits; compiled. To be called in the engine's scope."""
    layers = engine.keras.layers
    image = layers.Input((64,))
    hidden = layers.Dense(32, activation="relu", name="hidden")(image)
    digit = layers.Dense(10, activation="softmax", name="digit")(hidden)
    model = engine.keras.models.Model(image, digit)
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy")
    return model


def softmax_regression(engine: Engine, optimizer: Any) -> Any:
    """64 pixels, 10 digits, from zero; compiled. To be called in the engine's scope."""
    layers = engine.keras.layers
    image = layers.Input((64,))
    digit = layers.Dense(10, activation="softmax", kernel_initializer="zeros", name="digit")(image)
    model = engine.keras.models.Model(image, digit)
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy")
    return model


def shuffled(steps: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of ``steps`` batches of ``size`` rows, in an order that ``seed`` draws."""
    images, labels = digits()
    order = np.random.RandomState(seed).permutation(len(labels))[: steps * size]
    return images[order], labels[order]
