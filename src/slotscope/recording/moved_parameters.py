"""Which parameters of a model training has moved, and which it should have."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

from slotscope.engines.slot_names import unique_paths
from slotscope.engines.watched import Watched


@dataclass(frozen=True)
class _Look:
    """The parameters at one time, each by its path.

    Attributes:
        checksums: of the values of each that could be read.
        trainable: those in the model's ``trainable_weights``.
    """

    checksums: dict[str, int]
    trainable: frozenset[str]


class MovedParameters:
    """The parameters of a model as they were when this was made, to be compared with later.

    Args:
        engine: the model's.
        model: a model, built or not.
    """

    def __init__(self, engine: Watched, model: Any) -> None:
        self._engine = engine
        self._model = model
        self.seen = self._look()
        self._ids = self._trainable_ids()

    def _weights(self, name: str) -> list[Any]:
        try:
            return list(getattr(self._engine.trainer(self._model), name))
        except (ValueError, AttributeError):  # tf_keras says so of a model that is not built
            return []

    def _trainable_ids(self) -> tuple[int, ...]:
        return tuple(map(id, self._weights("trainable_weights")))

    def other_trainable(self) -> bool:
        """Whether other parameters are trainable now than were then."""
        return self._trainable_ids() != self._ids

    def changed(self) -> tuple[list[str], list[str]]:
        """The paths of those that were frozen since, and of those that were made trainable."""
        _, paths, now = self._paths()
        then = self.seen.trainable
        both = [path for path in paths if path in self.seen.checksums]
        return [p for p in both if p in then - now], [p for p in both if p in now - then]

    def moved_since(self) -> set[str]:
        """The paths of the parameters that have other values now, or none that can be read."""
        now = self._look().checksums
        return {path for path, before in self.seen.checksums.items() if now.get(path) != before}

    @property
    def known(self) -> bool:
        """Whether the model had parameters."""
        return bool(self.seen.checksums)

    def _paths(self) -> tuple[list[Any], list[str], frozenset[str]]:
        """The parameters, the path of each, and the paths of those that are trainable."""
        weights, known = self._weights("weights"), set(self._trainable_ids())
        paths = unique_paths(self._engine.path(weight) for weight in weights)
        pairs = zip(paths, weights, strict=True)
        return weights, paths, frozenset(path for path, weight in pairs if id(weight) in known)

    def _look(self) -> _Look:
        weights, paths, trainable = self._paths()
        values = self._engine.read(weights, self._engine.at_end())
        return _Look(
            {
                path: zlib.crc32(value.tobytes())
                for path, value in zip(paths, values, strict=True)
                if value is not None
            },
            trainable,
        )

    def differences(
        self, later: MovedParameters, optimized: set[str]
    ) -> tuple[list[str], list[str]]:
        """What moved though frozen all the time, and what did not though trainable all the time.

        Args:
            later: the same model's.
            optimized: the parameters that the optimizer has slots for.

        Returns:
            Two lists of paths; what could not be read at both times is in neither.
        """
        first, last = self.seen, later.seen
        both = first.checksums.keys() & last.checksums.keys()
        moved = {path for path in both if first.checksums[path] != last.checksums[path]}
        frozen = optimized - first.trainable - last.trainable
        still = (first.trainable & last.trainable & both) - moved
        order = list(last.checksums)
        return [p for p in order if p in frozen & moved], [p for p in order if p in still]
