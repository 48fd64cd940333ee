"""Run once before everything else, safe to run again: buckets, MLflow's database, and the password of Airflow's user."""

import json
import os
from pathlib import Path

import boto3
import psycopg2

from deploy.s3_roles import write_private

BUCKETS = ("landing", "lake", "mlflow", "serving")


def main() -> None:
    """Everything that the other services expect to be there."""
    make_buckets()
    make_database("mlflow")
    # A changed password in .env counts from the next start.
    passwords = Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    write_private(passwords, json.dumps({"admin": os.environ["AIRFLOW_ADMIN_PASSWORD"]}))


def make_buckets() -> None:
    """Create the buckets that do not exist yet."""
    client = boto3.client("s3", endpoint_url=os.environ["PROVING_GROUND_S3_ENDPOINT"])
    present = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    for bucket in BUCKETS:
        if bucket not in present:
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


if __name__ == "__main__":
    main()
