"""The card of a decision is read in the run that made it, by those who may, and nothing in it acts on who reads it."""

import re
import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.plugins.airflow_process import DATABASE, answers_of

# The plugin is mounted as Airflow's own server does.
ASK = (
    DATABASE
    + """
from urllib.parse import quote
from airflow.models.xcom import XComModel
returned, asked = json.loads(sys.stdin.read())
with create_session() as session:
    for number, (dag_id, run_id, tasks) in enumerate(returned, start=1):
        add_run(session, number, dag_id, run_id)
        for task_id, value in tasks.items():
            session.execute(insert(XComModel).values(
                dag_run_id=number, dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=-1, key="return_value",
                value=XComModel.serialize_value(value)))

from fastapi import FastAPI
from fastapi.testclient import TestClient
from airflow import plugins_manager
from airflow.api_fastapi.app import create_auth_manager, init_plugins
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.app import init_middlewares
app = FastAPI()
before = set(sys.modules)
init_plugins(app)
loaded = set(sys.modules) - before
users = create_auth_manager()
users.init()
init_middlewares(app)
view, = (view for view in plugins_manager._get_ui_plugins()[0] if view["name"] == "Decision card")

def ask(path, dag_id, run_id, role, by):
    # As Airflow's page fills in the address: encodeURIComponent.
    filled = {"{DAG_ID}": quote(dag_id, safe="-_.!~*'()"), "{RUN_ID}": quote(run_id, safe="-_.!~*'()")}
    address = "/" + (path or view["href"])
    for name, value in filled.items():
        address = address.replace(name, value)
    user = SimpleAuthManagerUser(username="somebody", role=None if role == "none" else role)
    token = users.generate_jwt(user) if role else ""
    client = TestClient(app, raise_server_exceptions=False, cookies={"_token": token} if role and by == "cookie" else {})
    answer = client.get(address, headers={"Authorization": f"Bearer {token}"} if role and by == "header" else {})
    return [answer.status_code, answer.text, dict(answer.headers)]

print(chr(10) + json.dumps([view["destination"], sorted(loaded), [ask(*each) for each in asked]]))
"""
)
RUN = "manual__2024-01-01T00:00:00+00:00_a/b?&#"
VERSION = "https://mlflow.example/#/models/toy/versions/2"
PICTURE = b"\x89PNG\r\n not much of one"
KINDS = ("good", "evil", "plain", "undrawn", "gone", "broken", "login", "huge", "lost")
RUNS = {kind: f"{number:032x}" for number, kind in enumerate(KINDS, start=0xA0)}
SHOWN = "http://elsewhere.example/get-artifact?path=decision.png&run_uuid=any"
CARDS: dict[str, tuple[int, str, str]] = {
    "good": (
        200,
        "text/plain",
        f"## PROMOTE: toy version 2\n\n![a picture]({SHOWN})\n\n| rows | gain |\n| --- | ---: |\n| clean | +1 |\n",
    ),
    "evil": (
        200,
        "text/plain",
        "<script>alert(1)</script>\n\nso <img src=x onerror=alert(2)> it is\n\n[go](javascript:alert(3)) [on](https://a.example)\n\n"
        "![spy](http://evil.example/pixel.png) ![bad](http://[a)\n",
    ),
    "plain": (200, "text/plain", "## KEEP: toy version 2\n"),
    "undrawn": (200, "text/plain", f"## KEEP: toy version 2\n\n![a picture]({SHOWN})\n"),
    "gone": (404, "application/json", "{}"),
    "broken": (500, "application/json", '{"message": "Traceback"}'),
    "login": (200, "text/html", "<h1>Please log in</h1>"),
    "huge": (200, "text/plain", "x" * 5_000_001),
}


class MlflowStandIn(ThreadingHTTPServer):
    """Answers for `get-artifact` as CARDS says, has a picture of all decisions but one, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []

    def answer(self, run: str, path: str) -> tuple[int, str, bytes]:
        kind = {number: kind for kind, number in RUNS.items()}.get(run, "gone")
        if path == "decision.png":
            return (500, "application/json", b"{}") if kind == "undrawn" else (200, "image/png", PICTURE)
        status, content_type, text = CARDS[kind]
        return status, content_type, text.encode()


class _Handler(BaseHTTPRequestHandler):
    server: MlflowStandIn

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        asked = parse_qs(urlsplit(self.path).query)
        # It falls silent, as a killed server does.
        if asked["run_uuid"] == [RUNS["lost"]]:
            return
        status, content_type, body = self.server.answer(asked["run_uuid"][0], asked["path"][0])
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Page(NamedTuple):
    status: int
    text: str
    headers: dict[str, str]


def judged(run_id: object, **more: str) -> dict[str, Any]:
    train = {"version": "2", "run_id": run_id, "version_url": VERSION} | more
    return {
        "select": train,
        "validate": {"verdict": "promote", "card_url": "http://mlflow.example/card", "summary": "promote: x"},
    }


FOUND = {
    "triage": {"action": "page", "reason": "noise surge: <b>note</b>", "advice": "Ask upstream"},
    "detect_drift": {
        "period": "2024-01-08T00:00:00Z",
        "report_url": "https://mlflow.example/#/drift.html",
        "broken": [],
        "moved": [
            {
                "view": "note: typo",
                "kind": "noise",
                "effect": 0.12,
                "what": "12% of its values | [see](http://evil.example) <script>alert(5)</script>",
                "weight": 0.25,
                "in_a_row": 2,
                "season": "",
            }
        ],
    },
    "measure_quality": {
        "metric": "roc_auc",
        "period": "2024-01-08T00:00:00Z",
        "value": 0.71,
        "low": 0.7,
        "high": 0.72,
        "recent": 0.705,
        "reference": 0.7,
        "rows": 1234,
        "overdue": 1,
        "estimate": 0.66,
        "estimate_low": 0.64,
        "estimate_high": 0.68,
        "estimate_of": "2024-01-15T00:00:00Z",
    },
}
NO_RUNS = {
    "traversal": "../../admin",
    "parameter": RUNS["good"] + "&path=secret",
    "capital": RUNS["good"].upper(),
    "newline": RUNS["good"] + "\n",
    "number": 5,
    "nothing": None,
}
RETURNED = [
    *([f"{kind}.retrain", RUN, judged(run)] for kind, run in RUNS.items()),
    *([f"{kind}.retrain", RUN, judged(run)] for kind, run in NO_RUNS.items()),
    ["script.retrain", RUN, judged(RUNS["plain"], version_url="javascript:alert(4)")],
    ["trained.retrain", RUN, {"select": judged(RUNS["good"])["select"]}],
    [
        "idle.retrain",
        RUN,
        {"select": {"version": None}, "validate": {"card_url": None, "summary": "keep: <b>no</b> new data"}},
    ],
    ["odd.retrain", RUN, {"select": ["run_id"], "validate": "card_url"}],
    ["toy.other", RUN, judged(RUNS["good"])],
    ["early.monitor", RUN, {"pull": {}}],
    [
        "calm.monitor",
        RUN,
        {
            "triage": {"action": "nothing", "reason": "it holds"},
            "detect_drift": {"period": None},
            "measure_quality": {"period": None, "metric": "roc_auc"},
        },
    ],
    ["moved.monitor", RUN, FOUND],
    [
        "older.monitor",
        RUN,
        {
            "triage": {"action": "nothing", "reason": "it holds"},
            "detect_drift": {"perod": 3},
            "measure_quality": ["no result"],
        },
    ],
    ["oldest.monitor", RUN, {"triage": {"verdict": "of another release"}}],
    ["stopped.monitor", RUN, {"detect_drift": {"period": None, "broken": ["x: frozen at 7"], "moved": []}}],
    ["many.retrain", "other", judged(RUNS["good"])],
]
PATHS = ("decision-cards/docs", "decision-cards/redoc", "decision-cards/openapi.json", "decision-cards/")


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Airflow's answers, by who asked for what; where its tab is; what loading its plugins imported; what MLflow was asked."""
    dags = [str(dag_id) for dag_id, _, _ in RETURNED]
    asked = [
        *(("", dag_id, RUN, "viewer", "cookie") for dag_id in [*dags, "never.retrain", "~", "<i>"]),
        *(("", "good.retrain", RUN, *who) for who in [("admin", "header"), ("", "cookie"), ("none", "cookie")]),
        *((path, "good.retrain", RUN, "", "cookie") for path in PATHS),
    ]
    home = tmp_path_factory.mktemp("airflow")
    server = MlflowStandIn()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    destination, loaded, responses = answers_of(ASK, home, [RETURNED, asked], MLFLOW_TRACKING_URI=address)
    server.shutdown()
    server.server_close()
    pages = {who: Page(*page) for who, page in zip(asked, responses, strict=True)}
    return {"pages": pages, "destination": destination, "loaded": loaded, "mlflow": server.asked}


def page(airflow: Any, dag_id: str, role: str = "viewer", by: str = "cookie", path: str = "") -> Page:
    found: Page = airflow["pages"][path, dag_id, RUN, role, by]
    return found


def test_the_card_is_a_tab_of_its_run(airflow: Any) -> None:
    """One click from the run to the verdict, the tables, the picture itself, and the version in MLflow."""
    good = page(airflow, "good.retrain")
    assert airflow["destination"] == "dag_run"
    assert good.status == 200
    assert "<h2>PROMOTE: toy version 2</h2>" in good.text
    assert '<td style="text-align:right">+1</td>' in good.text
    assert f'<img src="data:image/png;base64,{b64encode(PICTURE).decode()}" alt="a picture"' in good.text
    assert f'href="{VERSION}"' in good.text


def test_the_finding_of_triage_is_a_tab_of_the_monitors_run(airflow: Any) -> None:
    """The action, its reason, what to do, quality with its interval and its estimate as one, and what moved."""
    found = page(airflow, "moved.monitor").text
    for words in (
        "<h2>PAGE: moved</h2>",
        "Noise surge: &lt;b&gt;note&lt;/b&gt;.",
        "Ask upstream.",
        "0.7000 to 0.7200",
        "Label-free estimate for 2024-01-15: 0.6600",
        "Labels are late by 1 of the model's periods.",
        '<td style="text-align:right">25%</td>',
    ):
        assert words in found, words
    assert re.findall(r'href="(.*?)"', found) == ["https://mlflow.example/#/drift.html"]
    assert "alert(5)&lt;/script&gt;" in found
    assert "Nothing beyond the usual variation between periods" in page(airflow, "calm.monitor").text
    stopped = page(airflow, "stopped.monitor").text
    assert "<h2>STOP: stopped</h2>" in stopped
    assert "x: frozen at 7" in stopped


def test_what_another_release_wrote_is_named_on_the_page(airflow: Any) -> None:
    """The reader learns which part is missing, and how to have it again; what can be read is shown."""
    shown = page(airflow, "older.monitor").text
    assert "It holds" in shown
    for task in ("detect_drift", "measure_quality"):
        assert f"What the task {task} returned cannot be read" in shown
    assert "task triage returned cannot be read" not in shown


def test_only_users_of_airflow_see_a_card(airflow: Any) -> None:
    """Anonymous is refused on every path, before anything is looked up; so is a user who may not read the DAG."""
    assert page(airflow, "good.retrain", "admin", "header").status == 200
    refused = [page(airflow, "good.retrain", role="", path=path) for path in ("", *PATHS)]
    assert [each.status for each in refused] == [401, 401, 401, 401, 404]
    assert page(airflow, "good.retrain", role="none").status == 403
    assert not [each for each in [*refused, page(airflow, "good.retrain", role="none")] if "PROMOTE" in each.text]


def test_nothing_in_a_card_acts(airflow: Any) -> None:
    """HTML is shown as text, scripts are no addresses, and no foreign picture tells another site that the card was read."""
    evil = page(airflow, "evil.retrain").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in evil
    assert "&lt;img src=x onerror=alert(2)&gt;" in evil
    assert re.findall(r"<(?:img|script)|src=\"", evil) == []
    assert re.findall(r'href="(.*?)"', evil) == ["https://a.example", VERSION]
    assert "[Picture, not shown here: spy] [Picture, not shown here: bad]" in evil
    assert "javascript:alert(4)" not in page(airflow, "script.retrain").text
    assert "<i>" not in page(airflow, "<i>").text


def test_the_page_forbids_the_browser_to_run_or_fetch_anything(airflow: Any) -> None:
    """Whatever the page is about, it may load nothing, send nothing, and be framed by Airflow alone."""
    for each in (found for found in airflow["pages"].values() if found.text.startswith("<!doctype")):
        policy = each.headers["content-security-policy"]
        assert {"default-src 'none'", "img-src data:", "form-action 'none'", "frame-ancestors 'self'"} <= set(
            policy.split("; ")
        )
        assert each.headers["x-content-type-options"] == "nosniff"
        assert "<script" not in each.text


@pytest.mark.parametrize(
    ("dag_id", "sentence"),
    [
        ("toy.other", "Only monitors and retrainings have a decision card"),
        ("early.monitor", "Not decided yet"),
        ("oldest.monitor", "What the task triage returned cannot be read"),
        ("never.retrain", "Not judged yet"),
        ("trained.retrain", "Not judged yet"),
        ("many.retrain", "Not judged yet"),
        ("odd.retrain", "Not judged yet"),
        ("idle.retrain", "keep: &lt;b&gt;no&lt;/b&gt; new data"),
        ("gone.retrain", f"MLflow knows no run {RUNS['gone']}"),
    ],
)
def test_where_there_is_no_card_a_sentence_says_why(airflow: Any, dag_id: str, sentence: str) -> None:
    """Another stage, another run, not trained, not judged, nothing new, or deleted: never an empty page."""
    found = page(airflow, dag_id)
    assert found.status == 404
    assert sentence in found.text


@pytest.mark.parametrize(("kind", "status"), [("lost", 503), ("broken", 502), ("login", 502), ("huge", 502)])
def test_an_outage_of_mlflow_is_shown_as_an_outage(airflow: Any, kind: str, status: int) -> None:
    """What to do stands there, and neither MLflow's words nor a trace."""
    found = page(airflow, f"{kind}.retrain")
    assert found.status == status
    assert "then reload" in found.text
    assert "Traceback" not in found.text
    assert "log in</h1>" not in found.text


def test_a_card_is_readable_without_its_picture(airflow: Any) -> None:
    """A picture that cannot be had is reported; one that the card does not show is not asked for."""
    undrawn = page(airflow, "undrawn.retrain")
    assert undrawn.status == 200
    assert "[Picture, not shown here: a picture]" in undrawn.text
    assert not [path for path in airflow["mlflow"] if RUNS["plain"] in path and "png" in path]


@pytest.mark.parametrize("kind", NO_RUNS)
def test_only_a_run_id_gets_into_an_address(airflow: Any, kind: str) -> None:
    """Whatever the stored result of train contains, MLflow is asked for 32 hexadecimal digits or not at all."""
    assert page(airflow, f"{kind}.retrain").status == 404
    asked = {run for path in airflow["mlflow"] for run in parse_qs(urlsplit(path).query)["run_uuid"]}
    assert asked == set(RUNS.values())


def test_airflow_loads_nothing_more_for_it(airflow: Any) -> None:
    """Tasks, scheduler and commands import every plugin: what makes the page is imported by the first who asks for one."""
    assert not {"markdown_it", "include.settings"} & set(airflow["loaded"])
