"""Warnings, and what is logged as one, while something is done: heard, or held back."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator


class _Keeper(logging.Handler):
    """Appends every message to a list."""

    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(record.getMessage())


@contextlib.contextmanager
def listening() -> Iterator[list[str]]:
    """Yield a list that gets, at the latest at the end, every warning as a text.

    It hears what is logged also where logging is switched off, and lets nobody else hear it.
    """
    said: list[str] = []
    # Keras logs by way of absl, whose logger may hand nothing on.
    loggers = [logging.getLogger(), logging.getLogger("absl")]
    handlers, disabled = [logger.handlers for logger in loggers], logging.root.manager.disable
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        logging.disable(logging.NOTSET)
        for logger in loggers:
            logger.handlers = [_Keeper(said)]
        try:
            yield said
        finally:
            for logger, own in zip(loggers, handlers, strict=True):
                logger.handlers = own
            logging.disable(disabled)
            said.extend(str(warning.message) for warning in caught)


@contextlib.contextmanager
def unwarned() -> Iterator[None]:
    """Without the warnings about gradients that are missing on purpose."""
    with without_advice(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def without_advice() -> Iterator[None]:
    """TensorFlow keeps what it logs, but for errors: its advice on calls of old optimizers."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
