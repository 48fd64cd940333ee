"""Boosted trees, ONNX and a team's own code answer on a real Dask cluster as they do here."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from include.adapters.compute import computing, in_parallel
from include.decisions.scoring.answering import predict
from include.decisions.scoring.predictions import same
from include.formats import format_named
from include.models.contract import Model
from include.settings import Settings
from tests.dask_cluster.test_dask import Cluster, cluster
from tests.models.test_contract import rows

__all__ = ["cluster"]


def test_a_loaded_version_answers_on_workers_as_it_does_here(
    recipe: Callable[[str], Model],
    cluster: Cluster,
    tmp_path: Path,
) -> None:
    """To the last bit: what is sent to a worker is what was read from the version's file."""
    for name in ("lightgbm", "xgboost", "catboost", "own", "onnx"):
        model = replace(recipe(name), compute="dask")
        kept, frame = format_named(model.candidate.artifact), rows(model, 200, 2)[0]
        path = tmp_path / name
        kept.save(model.candidate.pipeline().fit(*rows(model)), frame.head(5), path, model.trusted_types)
        loaded = kept.load(path.read_bytes(), model.trusted_types)
        with computing(Settings.read({"PROVING_GROUND_DASK_SCHEDULER": cluster.address}), model):
            for answers in in_parallel(predict, [(model, loaded, frame)] * 4):
                assert same(answers, predict(model, loaded, frame), tolerance=0), name
