"""`make env` makes up what docker compose insists on, and never takes a secret away."""

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cryptography.fernet import Fernet

from deploy.make_env import completed, main, required

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the two files that it reads."""
    for name in ("docker-compose.yaml", ".env.example"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def values(project: Path) -> dict[str, str]:
    """What stands in the .env."""
    return dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", (project / ".env").read_text(), re.MULTILINE))


def test_every_variable_that_compose_insists_on_gets_a_value_of_its_own(project: Path) -> None:
    """None is left out, none is short, no two are alike, and what has a default keeps it."""
    assert main(project) == 0
    found, names = values(project), required((project / "docker-compose.yaml").read_text())
    made = [found[name] for name in names]
    assert len(set(made)) == len(names) > 8
    assert min(len(value) for value in made) >= 16
    assert found["PROVING_GROUND_LAKE_BUCKET"] == "lake"


def test_compose_insists_on_every_secret() -> None:
    """It takes an empty file for a password without a word; Grafana's would then be the one that everybody knows."""
    text = (ROOT / "docker-compose.yaml").read_text()
    secrets = {described["environment"] for described in yaml.safe_load(text)["secrets"].values()}
    assert secrets <= set(required(text))


def test_secrets_have_the_shape_that_their_reader_wants(project: Path) -> None:
    """Two Fernet keys, a signing secret of 64 bytes or more, and nothing that would need escaping in an address."""
    main(project)
    found = values(project)
    for name in ("AIRFLOW_FERNET_KEY",):
        Fernet(found[name])
    assert len(found["AIRFLOW_JWT_SECRET"]) >= 64
    assert found["POSTGRES_PASSWORD"].isalnum()
    assert found["REDIS_PASSWORD"].isalnum()


def test_the_file_is_readable_by_its_owner_alone(project: Path) -> None:
    """Also when it had been readable by others before."""
    (project / ".env").write_text("POSTGRES_PASSWORD=mine\n")
    (project / ".env").chmod(0o644)
    main(project)
    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600


def test_run_again_it_changes_nothing(project: Path) -> None:
    """The volumes were made with these secrets."""
    main(project)
    before = (project / ".env").read_bytes()
    main(project)
    assert (project / ".env").read_bytes() == before


def test_an_existing_file_gets_only_what_it_lacks() -> None:
    """After an upgrade that needs one secret more, the rest of the file stays as it was written."""
    text, made = completed("# ours\nOLD=kept\nEMPTY=\nUNASKED=\n", ["OLD", "EMPTY", "NEW"])
    assert made == ["EMPTY", "NEW"]
    assert re.fullmatch(r"# ours\nOLD=kept\nEMPTY=[0-9a-f]{48}\nUNASKED=\nNEW=[0-9a-f]{48}\n", text)


def test_secrets_are_not_printed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names are printed, values are not."""
    main(project)
    output = capsys.readouterr().out
    assert "POSTGRES_PASSWORD" in output
    assert values(project)["POSTGRES_PASSWORD"] not in output


def test_it_needs_nothing_installed() -> None:
    """It runs in a Python that sees no package at all."""
    code = "import runpy; runpy.run_path('deploy/make_env.py')"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=ROOT, check=True)
