"""Users of the object store that may do what their role needs and no more. Safe to run again.

    python deploy/s3_roles.py                                  one for each policy; the keys of new ones are printed, once
    python deploy/s3_roles.py FOLDER/pages.ini FOLDER/….ini    those that the files are named after, with their keys in them

One user per file in `deploy/s3_policies`, through the IAM interface that AWS and SeaweedFS share, with the administrator's
keys in the environment. A user that exists keeps its keys and gets the current policy. The files are for
AWS_SHARED_CREDENTIALS_FILE; a user whose file is lost gets new keys, and the old ones end. SeaweedFS has to be started with
`-s3.iam.readOnly=false`.
"""

import configparser
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3

POLICIES = Path(__file__).with_name("s3_policies")
_PREFIX = "proving-ground-"
_BUCKETS = {
    "landing": "PROVING_GROUND_LANDING_BUCKET",
    "lake": "PROVING_GROUND_LAKE_BUCKET",
    "serving": "PROVING_GROUND_SERVING_BUCKET",
    "mlflow": "MLFLOW_BUCKET",
}


def roles(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Policies by role, as JSON, about the buckets that the settings name; MLflow's is in MLFLOW_BUCKET."""
    named = {bucket: environment.get(variable) or bucket for bucket, variable in _BUCKETS.items()}
    return {
        path.stem: re.sub(r"(?<=:::)[a-z]+", lambda match: named[match[0]], path.read_text())
        for path in sorted(POLICIES.glob("*.json"))
    }


def main(files: list[Path]) -> None:
    """Every role on the store that the environment names, or those that have a file."""
    iam = boto3.client(
        "iam",
        endpoint_url=os.environ.get("PROVING_GROUND_S3_ENDPOINT") or None,
        region_name=os.environ.get("PROVING_GROUND_S3_REGION") or "us-east-1",
    )
    policies = roles()
    for file in files:
        if file.stem not in policies:
            raise SystemExit(f"{file}: there is no role {file.stem!r}; name the file after one of {', '.join(policies)}.")
    for file in files:
        keep(iam, file.stem, policies[file.stem], file)
    if not files:
        _print_new(iam, policies)


def _print_new(iam: Any, policies: Mapping[str, str]) -> None:
    for role, policy in policies.items():
        keys = grant(iam, role, policy)
        print(f"# {role}" + ("" if keys else ": exists already, and keeps its keys"))
        for name, value in keys.items():
            print(f"{name}={value}")


def keep(iam: Any, role: str, policy: str, file: Path) -> None:
    """Create or update a role's user with this policy, and keep its keys in a file that only its owner can read."""
    _create_or_update(iam, role, policy)
    listed = _listed(iam, role)
    if _key_in(file) in listed:
        print(f"{role}: keeps its keys, in {file}")
        return
    for lost in listed:
        iam.delete_access_key(UserName=_PREFIX + role, AccessKeyId=lost)
        print(f"{role}: the key {lost} is not the one in {file}, and is deleted")
    lines = [f"{name.lower()} = {value}\n" for name, value in _new_keys(iam, role).items()]
    write_private(file, "".join(["[default]\n", *lines]))
    print(f"{role}: new keys, in {file}")


def _key_in(file: Path) -> str | None:
    """None where there is no file, or another program's. A file that cannot be opened is not lost: the error is raised."""
    profile = configparser.ConfigParser(interpolation=None)
    with suppress(FileNotFoundError, configparser.Error), file.open() as text:
        profile.read_file(text)
    return profile.get("default", "aws_access_key_id", fallback=None)


def grant(iam: Any, role: str, policy: str) -> dict[str, str]:
    """Create or update a role's user with this policy; the variables with its keys if it is new, else nothing."""
    _create_or_update(iam, role, policy)
    return {} if _listed(iam, role) else _new_keys(iam, role)


def _create_or_update(iam: Any, role: str, policy: str) -> None:
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_user(UserName=_PREFIX + role)
    iam.put_user_policy(UserName=_PREFIX + role, PolicyName=role, PolicyDocument=policy)


def _listed(iam: Any, role: str) -> list[str]:
    return [key["AccessKeyId"] for key in iam.list_access_keys(UserName=_PREFIX + role)["AccessKeyMetadata"]]


def _new_keys(iam: Any, role: str) -> dict[str, str]:
    key = iam.create_access_key(UserName=_PREFIX + role)["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def write_private(path: Path, text: str) -> None:
    """Write a file that is never half written, nor readable by others."""
    aside = path.with_name(f"{path.name}.new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    aside.replace(path)


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
