"""The buttons on tasks lead to web pages that the run itself recorded, and to nothing else."""

from typing import Any

import pytest

from tests.plugins.airflow_process import DATABASE, answers_of

ASK = (
    DATABASE
    + """
from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.models.xcom import XComModel
returned, asked, stored = json.loads(sys.stdin.read())
with create_session() as session:
    for number, dag_id in enumerate(returned, start=1):
        add_run(session, number, dag_id, "run")
        for task_id, value in returned[dag_id].items():
            session.execute(insert(XComModel).values(
                dag_run_id=number, dag_id=dag_id, run_id="run", task_id=task_id, map_index=-1, key="return_value",
                value=XComModel.serialize_value(value)))
from report_links import ReportLinks, web_address
links = ReportLinks.global_operator_extra_links
links = [
    {link.name: link.get_link(None, ti_key=TaskInstanceKey(dag_id, task_id, "run")) for link in links}
    for dag_id, task_id in asked
]
print(chr(10) + json.dumps([links, [web_address(text, "url") for text in stored]]))
"""
)
VERSION, CARD, REPORT = (
    "https://mlflow.example/#/models/toy/versions/2",
    "http://mlflow.example/card",
    "http://mlflow.example/a",
)
RUN = "https://mlflow.example/#/experiments/1/runs/2"
REPLAY = "http://mlflow.example/replay.html"
RETURNED = {
    "toy.retrain": {
        "select": {"version": "2", "version_url": VERSION, "run_url": RUN},
        "validate": {"verdict": "keep", "card_url": CARD},
    },
    "toy.monitor": {"detect_drift": {"report_url": REPORT}},
    "toy.replay": {"refit": {"digest": "d"}, "recommend": {"report_url": REPLAY}},
    "idle.retrain": {"select": {"version": None, "version_url": None}},
    "evil.retrain": {"select": {"version_url": "javascript:alert(1)"}, "validate": ["card_url"]},
    "evil.monitor": {"detect_drift": "http://not.in.a.reference"},
    "somebody_else": {"select": {"version_url": VERSION}, "detect_drift": {"report_url": REPORT}},
}


STORED = {
    '{"url": "https://a.example/b?c=d#e"}': "https://a.example/b?c=d#e",
    '{"url": "HTTP://a.example"}': "HTTP://a.example",
    '{"url": "javascript:alert(1)"}': "",
    '{"url": "data:text/html,x"}': "",
    '{"url": "//a.example"}': "",
    '{"url": "http:/a"}': "",
    '{"url": "http://[a"}': "",
    '{"url": 5}': "",
    '{"url": ["http://a.example"]}': "",
    '{"url": null}': "",
    "{}": "",
    "[]": "",
    '"url"': "",
    "5": "",
    "null": "",
    "not json": "",
    "": "",
    None: "",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[tuple[str, str], dict[str, str]], list[str]]:
    """The addresses of all buttons, by DAG and task; and those found in STORED."""
    tasks = ("pull", "detect_drift", "assemble", "select", "validate", "review", "promote", "announce", "refit", "recommend")
    asked = [(dag_id, task_id) for dag_id in [*RETURNED, "never.retrain"] for task_id in tasks]
    home = tmp_path_factory.mktemp("airflow")
    links, addresses = answers_of(ASK, home, [RETURNED, asked, list(STORED)])
    return dict(zip(asked, links, strict=True)), addresses


@pytest.fixture
def links(answers: Any) -> Any:
    return answers[0]


def drawn(links: Any, dag_id: str, task_id: str) -> dict[str, str]:
    return {name: address for name, address in links[dag_id, task_id].items() if address}


def test_a_drift_report_is_one_click_away(links: Any) -> None:
    """On the task that made it, and on no other."""
    assert drawn(links, "toy.monitor", "detect_drift") == {"Drift report": REPORT}
    assert drawn(links, "toy.monitor", "pull") == {}


def test_a_replay_report_is_one_click_away(links: Any) -> None:
    """On the task that recommends, and on no other."""
    assert drawn(links, "toy.replay", "recommend") == {"Replay report": REPLAY}
    assert drawn(links, "toy.replay", "refit") == {}


def test_version_run_and_card_are_one_click_away(links: Any) -> None:
    """On every task that is about them, whether or not it has returned anything itself."""
    both = {"Version in MLflow": VERSION, "Run in MLflow": RUN, "Decision card": CARD}
    assert drawn(links, "toy.retrain", "assemble") == {}
    assert drawn(links, "toy.retrain", "validate") == drawn(links, "toy.retrain", "review") == both
    for task_id in ("select", "promote", "announce"):
        assert drawn(links, "toy.retrain", task_id) == {"Version in MLflow": VERSION, "Run in MLflow": RUN}


@pytest.mark.parametrize("dag_id", ["idle.retrain", "never.retrain", "evil.retrain", "evil.monitor", "somebody_else"])
def test_without_a_web_page_there_is_no_button(links: Any, dag_id: str) -> None:
    """Nothing was trained, nothing was returned, what was returned is no web address, or the DAG is not ours."""
    assert not [found for (of, _), found in links.items() if of == dag_id and any(found.values())]


def test_only_web_addresses_are_linked(answers: Any) -> None:
    """Whatever was stored, a button leads to http or https, or is not drawn."""
    assert dict(zip(STORED, answers[1], strict=True)) == STORED
