"""Where runs are executed: in processes of this machine, or on a Dask cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from slotscope.errors import SchedulerError
from slotscope.sweep.environment import Environment, environment
from slotscope.sweep.execution import stop_all

#: Seconds within which a cluster answers.
ANSWER = 30
#: Runs that a cluster is given at least: one that grows with its work must see some.
WAITING = 64


@dataclass(frozen=True)
class Place:
    """Somewhere to run notebooks.

    Attributes:
        executor: what runs them.
        count: how many to hand out at once, now.
        environment: what is installed there.
        stop: ends those that a sweep has there; its argument is the sweep's token.
        local: whether it is this machine.
    """

    executor: Executor
    count: Callable[[], int]
    environment: Environment
    stop: Callable[[str], None]
    local: bool


@contextlib.contextmanager
def here(jobs: int, patience: float | None) -> Iterator[Place]:
    """Processes of this machine.

    Args:
        jobs: how many.
        patience: seconds after which one that does not answer is killed; None waits.
    """
    from slotscope.sweep.local import LocalExecutor

    with LocalExecutor(jobs, patience) as executor:
        yield Place(executor, lambda: jobs, environment(), lambda token: None, True)


@contextlib.contextmanager
def cluster(address: str) -> Iterator[Place]:
    """A Dask cluster, through Dask's own executor.

    Raises:
        SchedulerError: it isn't installed, or can't be reached, or has other packages.
    """
    with _client(address) as client, client.get_executor(pure=False) as executor:
        try:
            found = executor.submit(environment).result(timeout=ANSWER)
        except TimeoutError:
            raise SchedulerError(
                f"The scheduler {address} has no worker that answers within {ANSWER} s. "
                f"Start some: dask worker {address}"
            ) from None
        except Exception as error:
            raise SchedulerError(
                f"The workers of {address} can't run slotscope ({error}). Install the same version "
                "of slotscope[notebooks,dask] where they run."
            ) from error

        def count() -> int:
            return max(WAITING, 2 * sum(client.nthreads().values()))

        def stop(token: str) -> None:
            with contextlib.suppress(Exception):
                client.run(stop_all, token)

        yield Place(executor, count, found, stop, False)


@contextlib.contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError as error:
        raise SchedulerError(
            "Dask isn't installed, which --scheduler needs. "
            "To mend it: python -m pip install slotscope[dask]"
        ) from error
    try:
        client = Client(address, timeout=ANSWER, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise SchedulerError(
            f"The scheduler {address} can't be reached ({error}). Expected the address that `dask "
            "scheduler` shows, such as tcp://10.0.0.1:8786."
        ) from error
    with client:
        yield client
