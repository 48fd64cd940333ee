"""Where the heavy work of a model is done: in this process, or by the workers of a Dask cluster.

Both run the same code through joblib, and no result depends on which worker did what, or in which order. Workers have to run
the same release of this project in the same environment: functions go to them by name.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import joblib

from include.errors import ClusterUnreachable, SettingsError
from include.models.contract import Model
from include.settings import Settings

T = TypeVar("T")

_PATIENCE = 30


@contextmanager
def computing(settings: Settings, model: Model) -> Iterator[None]:
    """What runs through joblib inside is done where the model wants it: scikit-learn's estimators, the functions below.

    Raises:
        SettingsError: the model wants a cluster, and none is named.
        ClusterUnreachable: the cluster does not answer, has no workers, or lost what it was working on.
    """
    if model.compute == "local":
        yield
        return
    address = settings.dask_scheduler
    if address is None:
        raise SettingsError(
            f'{model.name} says compute="dask", and PROVING_GROUND_DASK_SCHEDULER is not set. Set it to the address of the '
            f'scheduler, such as tcp://127.0.0.1:8786, or take compute="dask" out of include/models/{model.name}.py.'
        )
    with _translate_errors(address), _connected(address), joblib.parallel_config(backend="dask", n_jobs=-1):
        yield


def in_parallel(function: Callable[..., T], calls: Sequence[tuple[Any, ...]]) -> list[T]:
    """What a function gives for each tuple of arguments, in their order."""
    # One batch a worker: what its calls have in common, a fitted pipeline most often, is sent once.
    batch = -(-len(calls) // joblib.effective_n_jobs())
    return list(joblib.Parallel(batch_size=max(1, batch))(joblib.delayed(_alone)(function, *call) for call in calls))


def as_done(function: Callable[..., T], calls: Sequence[tuple[Any, ...]]) -> Iterator[T]:
    """The same, as each is done, in any order."""
    jobs = (joblib.delayed(_alone)(function, *arguments) for arguments in calls)
    yield from joblib.Parallel(return_as="generator_unordered")(jobs)


def _alone(function: Callable[..., T], *arguments: Any) -> T:
    """The cluster is busy with calls like this one: what is inside of it does not ask for more of it."""
    with joblib.parallel_config(backend="threading", n_jobs=1):
        return function(*arguments)


@contextmanager
def _connected(address: str) -> Iterator[None]:
    from distributed import Client

    try:
        client = Client(address, timeout=_PATIENCE)  # type: ignore[no-untyped-call]  # it has no types
    except OSError as error:
        raise ConnectionError(str(error)) from error
    with client:
        # A scheduler without workers would keep us waiting for ever.
        client.wait_for_workers(1, timeout=_PATIENCE)
        yield


@contextmanager
def _translate_errors(address: str) -> Iterator[None]:
    from concurrent.futures import CancelledError

    from distributed import KilledWorker
    from distributed.comm.core import CommClosedError

    try:
        yield
    except (CancelledError, KilledWorker, CommClosedError, TimeoutError, ConnectionError) as error:
        raise ClusterUnreachable(
            f"the Dask cluster at {address} did not answer, has no workers or lost them: {type(error).__name__}: "
            f"{' '.join(str(error).split())[:300]}. Check scheduler and workers, then clear the task."
        ) from error
