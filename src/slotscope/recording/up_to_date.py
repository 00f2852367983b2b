"""Attributes that are brought up to date when somebody asks for them."""

from __future__ import annotations

from typing import Any


class UpToDate:
    """An attribute of a recording that is brought up to date when somebody asks for it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, recording: Any, owner: type) -> Any:
        if recording is None:
            return self
        if recording.fetch is not None:
            recording.fetch()
        return vars(recording)[self._name]

    def __set__(self, recording: Any, value: Any) -> None:
        vars(recording)[self._name] = value
