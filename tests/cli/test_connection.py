"""The tools find the stack that runs here, or what the environment and `.env` name, or say what to do."""

from collections.abc import Iterator
from pathlib import Path
from socket import create_server

import pytest

from deploy.local.environment import as_dotenv
from include.cli.connection import variables
from include.errors import ToolError


@pytest.fixture
def address() -> Iterator[str]:
    """Where something listens, as the object store of a stack does."""
    with create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def stack(project: Path, **values: str) -> None:
    """What a stack writes when it starts."""
    (project / ".stack").mkdir()
    (project / ".stack/env").write_text(as_dotenv(values))


def test_where_nothing_runs_it_says_what_to_do(tmp_path: Path) -> None:
    """Neither a stack here nor an address in the environment: the way to either is named."""
    with pytest.raises(ToolError, match="make demo DETACH=1"):
        variables({"PROVING_GROUND_S3_ENDPOINT": ""}, tmp_path)


def test_the_stack_that_runs_here_comes_first(tmp_path: Path, address: str) -> None:
    """Its variables, each as it was written, whatever the environment names."""
    values = {"PROVING_GROUND_S3_ENDPOINT": address}
    odd = [
        "a$b ${HOME} #'\"\\n",
        " edges ",
        "'quoted'",
        '"quoted"',
        "back\\slash",
        "#first",
        "a#b",
        "a=b",
        "two\nlines",
        "C:\\",
    ]
    values |= {f"ODD_{number}": value for number, value in enumerate(odd)}
    stack(tmp_path, **values)
    assert variables({"PROVING_GROUND_S3_ENDPOINT": "http://s3.example"}, tmp_path) == values


def test_a_stack_that_was_killed_is_not_taken_for_one_that_runs(tmp_path: Path) -> None:
    """Its file is there and nothing answers: what the environment names is used."""
    stack(tmp_path, PROVING_GROUND_S3_ENDPOINT="http://127.0.0.1:9", AWS_ACCESS_KEY_ID="dead")
    assert variables({"PROVING_GROUND_S3_ENDPOINT": "http://s3.example"}, tmp_path) == {}
    with pytest.raises(ToolError, match="no stack runs here"):
        variables({}, tmp_path)


def test_dot_env_is_read_where_the_environment_is_silent(tmp_path: Path) -> None:
    """Ours, AWS's and MLflow's variables; comments, empty values and those of other programs are left alone."""
    (tmp_path / ".env").write_text(
        "# PROVING_GROUND_S3_REGION=no\nPROVING_GROUND_S3_ENDPOINT='http://s3.example'  # ours\nAWS_ACCESS_KEY_ID=key\n"
        "MLFLOW_TRACKING_URI=\nPOSTGRES_PASSWORD=secret\nPATH=/nowhere\nAWS_DEFAULT_REGION=here\n"
    )
    assert variables({"AWS_ACCESS_KEY_ID": "mine", "AWS_DEFAULT_REGION": ""}, tmp_path) == {
        "PROVING_GROUND_S3_ENDPOINT": "http://s3.example",
        "AWS_DEFAULT_REGION": "here",
    }
