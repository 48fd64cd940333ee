"""The message about a broken model: from Airflow's import error, once for each reason, and never in the way."""

from collections.abc import Iterator

import pytest

import broken_model_alerts
from include.alerts.throttle import Message
from include.errors import ModelError
from parsed_models import faults_in, raise_for

HERE = "/opt/dags/broken_models.py"


def error_of(**broken: str) -> str:
    with pytest.raises(ModelError) as caught:
        raise_for(broken)
    return f"Traceback (most recent call last):\n  File: x\ninclude.errors.ModelError: {caught.value}\n"


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Message]]:
    messages: list[Message] = []
    monkeypatch.setattr("slack_delivery.post", messages.append)
    broken_model_alerts._reported.clear()
    yield messages
    broken_model_alerts._reported.clear()


def test_what_the_dag_file_raises_is_read_again() -> None:
    """Each model with its reason, whatever lines and colons the reason holds."""
    trace = error_of(churn="x.py: no: MODEL\nhere", fraud="SyntaxError: '(' was never closed")
    assert faults_in(trace) == {"churn": "x.py: no: MODEL here", "fraud": "SyntaxError: '(' was never closed"}
    raise_for({})


def test_each_reason_is_one_message(posted: list[Message]) -> None:
    """Airflow reads the file twice a minute; another reason, or another model, is another message."""
    for _ in range(3):
        broken_model_alerts.on_new_dag_import_error(HERE, error_of(churn="no MODEL"))
    assert len(posted) == 1
    broken_model_alerts.on_existing_dag_import_error(HERE, error_of(churn="no MODEL", fraud="<b>"))
    broken_model_alerts.on_existing_dag_import_error(HERE, error_of(churn="another", fraud="<b>"))
    assert [message.kind for message in posted] == ["failure"] * 3
    assert "*churn* · its file cannot be used" in posted[0].text
    assert "no MODEL" in posted[0].text
    assert "&lt;b&gt;" in posted[1].text
    assert len({message.once for message in posted}) == 3


def test_other_import_errors_are_not_its_business(posted: list[Message]) -> None:
    """And an error in writing the message disturbs no one."""
    broken_model_alerts.on_new_dag_import_error("/opt/dags/monitor.py", error_of(churn="no MODEL"))
    assert posted == []


def test_a_message_that_cannot_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process reads DAG files for all models."""
    monkeypatch.setenv("PROVING_GROUND_AIRFLOW_URL", "not an address")
    broken_model_alerts.on_new_dag_import_error(HERE, error_of(churn="no MODEL"))
