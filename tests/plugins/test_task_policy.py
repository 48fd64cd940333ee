"""What can pass by itself is tried again; what is wrong stays wrong and fails at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

from include import errors

ASK = """
import json
from include import errors
from task_policy import task_defaults
policy = task_defaults("me")["retry_policy"]
kinds = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)} | {"MemoryError": MemoryError}
actions = {name: policy.evaluate(kind("x"), 1, 3).action.value for name, kind in kinds.items()}
print(chr(10) + json.dumps(actions))
"""


def test_outages_are_tried_again_and_nothing_else_of_ours(tmp_path: Path) -> None:
    """Airflow retries an error of ours exactly where the error says that it is transient; of others it knows nothing."""
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path)}
    answer = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True, env=environment)
    actions = json.loads(answer.stdout.splitlines()[-1])
    ours: dict[str, type[errors.ProvingGroundError]] = {
        name: kind for name, kind in vars(errors).items() if isinstance(kind, type)
    }
    assert actions.pop("MemoryError") == "default"
    assert actions == {name: "retry" if kind.transient else "fail" for name, kind in ours.items()}
