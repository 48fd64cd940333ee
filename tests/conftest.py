"""Real servers for the tests that need them: each is started once, on free ports, and leaves nothing running."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import hypothesis
import pytest

from deploy.local.stack import Ports, Stack
from include.adapters.s3_store import S3Store

# How long an example takes says something about the machine and what else it does, nothing about the property.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")


@pytest.fixture(scope="session")
def _services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One home for the object store and for MLflow; nothing runs in it until a fixture below starts it."""
    stack = Stack(tmp_path_factory.mktemp("services"), Ports.free())
    yield stack
    stack.stop()


@pytest.fixture(scope="session")
def seaweedfs(_services: Stack) -> Iterator[Stack]:
    """The object store: `.s3_endpoint`, and credentials in `.environment()`, which is also this process's own meanwhile."""
    _services.start(["seaweedfs"])
    with _environment_of(_services, "AWS_", "NO_PROXY", "no_proxy"):
        yield _services


@pytest.fixture
def object_store(seaweedfs: Stack) -> Callable[[], S3Store]:
    """Makes a store over a fresh bucket, on the real server."""

    def fresh() -> S3Store:
        store = S3Store.connect(f"test-{uuid.uuid4().hex}", endpoint=seaweedfs.s3_endpoint, region="us-east-1")
        store._client.create_bucket(Bucket=store.bucket)
        return store

    return fresh


@pytest.fixture(scope="session")
def mlflow_server(seaweedfs: Stack) -> Iterator[str]:
    """The tracking address of a real MLflow server that keeps its artifacts in the real object store."""
    seaweedfs.start(["mlflow"])
    with _environment_of(seaweedfs, "MLFLOW_"):
        yield seaweedfs.mlflow_url


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack, Airflow too; half a minute to start, so only for tests marked `whole_loop`."""
    whole = Stack(tmp_path_factory.mktemp("stack"), Ports.free())
    whole.start()
    yield whole
    whole.stop()


@contextmanager
def _environment_of(stack: Stack, *prefixes: str) -> Iterator[None]:
    """This process sees the stack's variables with these prefixes, and none of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(prefixes)]:
            patch.delenv(name)
        for name, value in stack.environment().items():
            if name.startswith(prefixes):
                patch.setenv(name, value)
        yield
