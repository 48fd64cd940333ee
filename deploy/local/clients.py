"""A client of the orchestrator that runs, whichever it is."""

from deploy.local.airflow_api import AirflowApi
from deploy.local.orchestrator import Orchestrator
from deploy.local.prefect_api import PrefectApi
from deploy.local.stack import Stack


def client(stack: Stack, orchestrator: str, pipelines: set[str], seconds: float) -> Orchestrator:
    """The client, once the orchestrator knows these pipelines (`<model>.<stage>`), for which it gets so many seconds."""
    if orchestrator == "prefect":
        prefect = PrefectApi(stack.prefect_url, "admin", stack.passwords["admin"])
        prefect.wait_for_flows(pipelines, seconds=seconds)
        return prefect
    airflow = AirflowApi(stack.airflow_url, "admin", stack.passwords["admin"])
    airflow.wait_for_dags(pipelines, seconds=seconds)
    return airflow
