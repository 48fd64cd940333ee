"""The import error of each model in `include/models/` whose file cannot be used.

It makes no DAG. It is a file of its own because Airflow drops, or no longer schedules, every DAG of a file that has an import
error: here there is none, and in the other files the DAGs of all other models stay.
"""

from include.models import broken_models
from parsed_models import raise_for

raise_for(broken_models())
