"""Users of the object store that may do what their role needs and no more: `python deploy/s3_roles.py`. Safe to run again.

One user per file in `deploy/s3_policies`, through the IAM interface that AWS and SeaweedFS share, with the administrator's
keys in the environment. A new user's keys go to standard output, once, as variables; a user that is there keeps his keys and
gets the policy of today. SeaweedFS has to be started with `-s3.iam.readOnly=false`.
"""

import os
import re
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
        path.stem: re.sub(r"(?<=:::)[a-z]+", lambda found: named[found[0]], path.read_text())
        for path in sorted(POLICIES.glob("*.json"))
    }


def main() -> None:
    """Every role on the store that the environment names."""
    iam = boto3.client(
        "iam",
        endpoint_url=os.environ.get("PROVING_GROUND_S3_ENDPOINT") or None,
        region_name=os.environ.get("PROVING_GROUND_S3_REGION") or "us-east-1",
    )
    for role, policy in roles().items():
        keys = grant(iam, role, policy)
        print(f"# {role}" + ("" if keys else ": is there already, and keeps its keys"))
        for name, value in keys.items():
            print(f"{name}={value}")


def grant(iam: Any, role: str, policy: str) -> dict[str, str]:
    """Let a role's user be there with this policy; the variables with its keys if it is new, else nothing."""
    user = _PREFIX + role
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_user(UserName=user)
    iam.put_user_policy(UserName=user, PolicyName=role, PolicyDocument=policy)
    if iam.list_access_keys(UserName=user)["AccessKeyMetadata"]:
        return {}
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


if __name__ == "__main__":
    main()
