"""Which models a DAG file makes DAGs of: all of them, or in a process that runs one task, that task's own alone.

A task starts as fast with a hundred models as with one, and another team's broken file does not stop it.
"""

from airflow.sdk import get_parsing_context

from include.models import all_models, find_model, model_names
from include.models.contract import Model


def parsed_models() -> list[Model]:
    """By name.

    Raises:
        ModelError: a model's file cannot be used.
    """
    # https://airflow.apache.org/docs/apache-airflow/stable/howto/dynamic-dag-generation.html
    name = (get_parsing_context().dag_id or "").rpartition(".")[0]
    return [find_model(name)] if name in model_names() else all_models()
