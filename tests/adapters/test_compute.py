"""Where a model is computed: what is refused, and what is tried again. What a cluster gives is in tests/dask_cluster."""

import numpy as np
import pytest

from include.adapters import compute
from include.errors import ClusterUnreachable, ModelError, SettingsError
from include.settings import Settings
from tests.toy import changed


def with_cluster(address: str) -> None:
    """Compute nothing, on a cluster."""
    with compute.computing(Settings.read({"PROVING_GROUND_DASK_SCHEDULER": address}), changed(compute="dask")):
        pass


def test_a_model_that_wants_a_cluster_and_has_none() -> None:
    """The message names the model's setting and the variable."""
    with pytest.raises(SettingsError, match=r'toy says compute="dask", and PROVING_GROUND_DASK_SCHEDULER is not set'):
        with_cluster("")


def test_a_cluster_that_does_not_answer_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an outage like that of a store, not a challenger that failed."""
    monkeypatch.setattr(compute, "_PATIENCE", 1)
    with pytest.raises(ClusterUnreachable, match=r"tcp://127\.0\.0\.1:9 did not answer") as raised:
        with_cluster("tcp://127.0.0.1:9")
    assert raised.value.transient


@pytest.mark.parametrize("address", ["127.0.0.1:8786", "http://127.0.0.1:8786", "tcp://127.0.0.1"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    """By name, with one that would do."""
    with pytest.raises(SettingsError, match=r"PROVING_GROUND_DASK_SCHEDULER.*tcp://127\.0\.0\.1:8786"):
        Settings.read({"PROVING_GROUND_DASK_SCHEDULER": address})


def test_a_place_that_nobody_knows_is_refused() -> None:
    """The model's file is told what it may say."""
    with pytest.raises(ModelError, match="compute 'spark': accepted are local, dask"):
        changed(compute="spark")


def test_calls_are_answered_in_their_order() -> None:
    """Whoever is done first."""
    assert compute.in_parallel(pow, [(2, 3), (3, 2)]) == [8, 9]
    assert np.sort(list(compute.as_done(pow, [(2, 3), (3, 2)]))).tolist() == [8, 9]
