"""Run once before everything else, safe to run again: buckets, MLflow's database, and the password of Airflow's user."""

import json
import os
from pathlib import Path

import boto3
import psycopg2

BUCKETS = ("landing", "lake", "mlflow", "serving")


def main() -> None:
    """Everything that the other services expect to be there."""
    make_buckets()
    make_database("mlflow")
    write_password(Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]), os.environ["AIRFLOW_ADMIN_PASSWORD"])


def make_buckets() -> None:
    """Those that are not there yet."""
    client = boto3.client("s3", endpoint_url=os.environ["PROVING_GROUND_S3_ENDPOINT"])
    there = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    for bucket in BUCKETS:
        if bucket not in there:
            client.create_bucket(Bucket=bucket)


def make_database(name: str) -> None:
    """Beside Airflow's, which the server was made with."""
    connection = psycopg2.connect(os.environ["POSTGRES_URL"])
    # `create database` cannot be part of a transaction.
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("select 1 from pg_database where datname = %s", (name,))
    if not cursor.fetchone():
        cursor.execute(f'create database "{name}"')
    connection.close()


def write_password(path: Path, password: str) -> None:
    """Readable by Airflow's user alone; a changed password in .env counts from the next start."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"admin": password}, file)


if __name__ == "__main__":
    main()
