"""Which models a DAG file makes DAGs of: all of them, or in a process that runs one task, that task's own alone.

A task starts as fast with a hundred models as with one. A model whose file cannot be used is left out, so that the others keep
their DAGs; `dags/broken_models.py` is its import error.
"""

import re
from collections.abc import Mapping

from airflow.sdk import get_parsing_context

from include.errors import ModelError
from include.models import all_models, find_model, model_names
from include.models.contract import Model
from include.untrusted_text import one_line

_LONGEST = 500
_LINE = re.compile(r"^(?:include\.errors\.ModelError: )?([a-z][a-z0-9_]{0,49}): (.+)$")


def parsed_models() -> list[Model]:
    """By name.

    Raises:
        ModelError: the file of the model whose task runs here cannot be used.
    """
    # https://airflow.apache.org/docs/apache-airflow/stable/howto/dynamic-dag-generation.html
    name = (get_parsing_context().dag_id or "").rpartition(".")[0]
    return [find_model(name)] if name in model_names() else all_models()


def raise_for(broken: Mapping[str, str]) -> None:
    """One line for each broken model, which `faults_in` reads again from Airflow's import error.

    Raises:
        ModelError: there is one.
    """
    if broken:
        raise ModelError("\n".join(f"{name}: {one_line(why, _LONGEST)}" for name, why in broken.items()))


def faults_in(stacktrace: str) -> dict[str, str]:
    """The broken models that an import error names, and why."""
    found = [match for match in map(_LINE.match, stacktrace.splitlines()) if match]
    return {match[1]: match[2] for match in found}
