"""Least privilege on a real S3 server: each role can do its work, and nothing of the others'."""

import stat
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

import models_page
from deploy.local.stack import Stack
from deploy.s3_roles import grant, keep, main, roles
from include import services
from include.adapters.hold_store import HoldStore
from include.adapters.lake import Lake
from include.adapters.landing import Landing
from include.adapters.latest_status import LatestStatus
from include.adapters.ledger import Ledger
from include.adapters.lock import Locks
from include.adapters.object_store import ObjectStore
from include.adapters.records import Records
from include.adapters.s3_store import S3Store
from include.reports.overview import Runs
from include.settings import Settings
from tests.fakes import FakeRegistry
from tests.toy import MODEL, World, day, rows

Keys = dict[str, str]


@pytest.fixture(scope="module")
def users(seaweedfs: Stack) -> dict[str, Keys]:
    """Keys by role, made by the program that the docs name."""
    iam = boto3.client("iam", endpoint_url=seaweedfs.s3_endpoint, region_name="us-east-1")
    client(seaweedfs, {}).create_bucket(Bucket="serving")
    made = {role: grant(iam, role, policy) for role, policy in roles().items()}
    assert all(made.values())
    assert grant(iam, "pages", roles()["pages"]) == {}, "who is there keeps the keys"
    time.sleep(2)
    return made


@contextmanager
def acting_as(keys: Keys) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in keys.items():
            patch.setenv(name, value)
        yield


def client(seaweedfs: Stack, keys: Keys) -> Any:
    names: dict[str, Any] = {name.lower(): value for name, value in keys.items()}
    return boto3.client("s3", endpoint_url=seaweedfs.s3_endpoint, region_name="us-east-1", **names)


def may(act: Callable[[], object]) -> bool:
    """Whether the store lets it be done; any other failure is a failure of the test."""
    try:
        act()
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 403:
            raise
        return False
    return True


# What is where, and who may read, write, delete and list it; who is not named may nothing.
ALLOWED = {
    "landing/toy/features/x.csv": {"upstream": "w", "pipeline": "rl"},
    "landing/toy/features/pulled/x.parquet": {"upstream": "w", "pipeline": "rwl"},
    "lake/curated/toy/x": {"pipeline": "rwl"},
    "lake/quarantine/toy/x": {"pipeline": "rwl"},
    "lake/snapshots/toy/x": {"pipeline": "rwl"},
    "lake/ledger/nobody/x": {"pipeline": "rwl", "pages": "rl"},
    "lake/status/nobody/x": {"pipeline": "rwl", "pages": "rl"},
    "lake/predictions/toy/x": {"pipeline": "rwdl"},
    "mlflow/1/x": {"mlflow": "rwdl"},
    "serving/serving/toy/x": {"pipeline": "rwdl", "servers": "rl"},
}


@pytest.mark.parametrize("role", sorted(roles()))
@pytest.mark.parametrize("place", ALLOWED)
def test_a_role_may_do_this_and_nothing_else(seaweedfs: Stack, users: dict[str, Keys], place: str, role: str) -> None:
    """Read, write, delete, list: exactly what stands in the table, asked of the server with the role's own keys."""
    bucket, _, key = place.partition("/")
    root, mine = client(seaweedfs, {}), client(seaweedfs, users[role])
    root.put_object(Bucket=bucket, Key=key, Body=b"1")
    acts: dict[str, Callable[[], object]] = {
        "r": lambda: mine.get_object(Bucket=bucket, Key=key),
        "w": lambda: mine.put_object(Bucket=bucket, Key=key, Body=b"2"),
        "d": lambda: mine.delete_object(Bucket=bucket, Key=key),
        "l": lambda: mine.list_objects_v2(Bucket=bucket, Prefix=key.rpartition("/")[0] + "/"),
    }
    found = "".join(name for name, act in acts.items() if may(act))
    root.delete_object(Bucket=bucket, Key=key)
    assert sorted(found) == sorted(ALLOWED[place].get(role, ""))


def test_a_file_with_keys_is_kept_and_a_lost_one_is_replaced(seaweedfs: Stack, tmp_path: Path) -> None:
    """One that the store knows stays as it is; with new keys the old ones end, so that no forgotten pair stays valid."""
    iam = boto3.client("iam", endpoint_url=seaweedfs.s3_endpoint, region_name="us-east-1")
    role, file = uuid.uuid4().hex, tmp_path / "role.ini"
    keep(iam, role, roles()["pages"], file)
    first = file.read_text()
    keep(iam, role, roles()["pages"], file)
    assert file.read_text() == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for lost in ("", "[default]\naws_access_key_id = another\n", "aws_secret_access_key = cut off"):
        file.write_text(lost)
        keep(iam, role, roles()["pages"], file)
        listed = iam.list_access_keys(UserName=f"proving-ground-{role}")["AccessKeyMetadata"]
        with pytest.MonkeyPatch.context() as patch:
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                patch.delenv(name, raising=False)
            patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
            found = boto3.session.Session().get_credentials()
        assert found is not None
        assert [key["AccessKeyId"] for key in listed] == [found.access_key]
        assert file.read_text() != first


def test_a_file_is_named_after_a_role() -> None:
    """Anything else is refused before any user is created."""
    with pytest.raises(SystemExit, match=r"there is no role 'page'; name the file after one of mlflow, pages, pipeline"):
        main([Path("/keys/pages.ini"), Path("/keys/page.ini")])


def test_policies_are_about_the_buckets_that_the_settings_name() -> None:
    """On AWS a bucket called lake belongs to another account."""
    named = {"PROVING_GROUND_LAKE_BUCKET": "acme-lake", "MLFLOW_BUCKET": "acme-mlflow"}
    policies = roles(named)
    assert "arn:aws:s3:::acme-lake/ledger/*" in policies["pages"]
    assert "arn:aws:s3:::acme-mlflow/*" in policies["mlflow"]
    assert not any(":::lake" in policy or ":::mlflow" in policy for policy in policies.values())
    assert "arn:aws:s3:::landing/*" in policies["upstream"]


def test_only_the_administrator_can_create_users(seaweedfs: Stack, users: dict[str, Keys]) -> None:
    """A stolen key cannot give itself more."""
    for keys in users.values():
        names: dict[str, Any] = {name.lower(): value for name, value in keys.items()}
        iam = boto3.client("iam", endpoint_url=seaweedfs.s3_endpoint, region_name="us-east-1", **names)
        assert not may(partial(iam.create_user, UserName=uuid.uuid4().hex))
        policy = roles()["pipeline"]
        assert not may(partial(iam.put_user_policy, UserName="x", PolicyName="x", PolicyDocument=policy))


def test_each_role_can_do_its_work(seaweedfs: Stack, users: dict[str, Keys], monkeypatch: pytest.MonkeyPatch) -> None:
    """Upstream delivers, the real steps train and promote, and the pages are made, each with its own keys alone."""
    name = f"toy{uuid.uuid4().hex[:8]}"
    model = replace(MODEL, name=name)

    def store(bucket: str) -> ObjectStore:
        return S3Store.connect(bucket, endpoint=seaweedfs.s3_endpoint, region="us-east-1")

    with acting_as(users["upstream"]):
        landing = store("landing")
        for number in range(12):
            whole = rows(number)
            for stream, part in (("features", whole.drop(columns="y")), ("labels", whole[["id", "at", "y"]])):
                landing.put(f"{name}/{stream}/{number:02}.csv", part.to_csv(index=False).encode())
    with acting_as(users["pipeline"]):
        lake = store("lake")
        real = services.Services(
            Settings.read({}),
            Landing(store("landing")),
            Lake(lake),
            FakeRegistry(),
            Ledger(lake),
            Locks(lake),
            HoldStore(lake),
        )

        class There(World):
            @property
            def services(self) -> services.Services:
                return real

        world = There(model=model)
        # Deliveries are seen as of when they landed, which is today.
        world.take_in(datetime.now(UTC))
        assembled, trained, verdict = world.challenge(day(13))
        assert verdict.verdict == "promote", (assembled, trained, verdict)
        approval = world.do("review", day(13), verdict=verdict)
        promotion = world.do("promote", day(13), verdict=verdict, approval=approval)
        world.do("announce", day(13), verdict=verdict, approval=approval, promotion=promotion)
    with acting_as(users["pages"]):
        lake = store("lake")
        reader = services.Reader(Settings.read({}), LatestStatus(lake), Records(lake), Ledger(lake), HoldStore(lake))
        monkeypatch.setattr("include.services.reader", lambda: reader)
        monkeypatch.setattr("include.models.all_models", lambda: [model])
        monkeypatch.setattr("include.models.model_names", lambda: [name])
        monkeypatch.setattr("include.models.broken_models", lambda: {})
        monkeypatch.setattr("include.models.find_model", lambda _: model)
        monkeypatch.setattr("airflow_facts.runs_of", lambda _: {name: Runs()})
        now = datetime.now(UTC)
        assert "version 1" in models_page.models_page({f"{name}.monitor"}, now)[1]
        assert "promoted" in models_page.model_page(f"{name}.monitor", now)[1]
        assert Ledger(lake).proved(name)
