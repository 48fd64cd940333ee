"""The pictures of the documents, taken from the demo that is running: `make pictures`, with Chromium installed.

Each shows one page of it, cropped to what it is about, in light, and in dark where the documents show both. What a picture was
taken of stands in `docs/images/pictures.json`: a test names those whose page has changed since.
"""

import base64
import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from rich.console import Console
from websockets.sync.client import ClientConnection, connect

from demo.__main__ import SUMMARY, player_of
from demo.live_view import view
from demo.player import Row
from demo.review_stack import asking
from deploy.local.stack import Stack

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
TAKEN = IMAGES / "pictures.json"
_TEMPLATES = "include/reports/templates"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# The table of the demo fits so many columns.
COLUMNS = 100
WEEKS = 8


@dataclass(frozen=True)
class Picture:
    """One picture: of which address, cut to which size in pixels, and the files that say what the page looks like.

    `click` is the text of a button that is pressed before.
    """

    name: str
    path: str
    width: int
    height: int
    sources: tuple[str, ...]
    schemes: tuple[str, ...] = ("light",)
    seconds: float = 4.0
    click: str = ""
    # The width that is kept, from the left; 0 keeps all of it.
    kept: int = 0

    def file(self, scheme: str) -> Path:
        """Where it is kept."""
        return IMAGES / f"{self.name}{f'-{scheme}' if len(self.schemes) > 1 else ''}.png"


def digest(sources: Iterable[str]) -> str:
    """Changes when a page may look otherwise: of the files that make it."""
    return hashlib.sha256(b"\n".join((ROOT / source).read_bytes() for source in sources)).hexdigest()[:16]


def _template(*names: str) -> tuple[str, ...]:
    return tuple(f"{_TEMPLATES}/{name}" for name in ("base.html", *names))


BOTH = ("light", "dark")
PICTURES = (
    Picture("models", "/models/", 1200, 560, _template("models.html"), BOTH),
    Picture("model", "/models/flight_delays.monitor", 1200, 1180, _template("model.html", "charts.html"), BOTH),
    Picture(
        "card",
        "/decision-cards/flight_delays.retrain?run_id={promoted}",
        900,
        1500,
        _template("card.html", "decision_card.md"),
    ),
    Picture(
        "findings",
        "/decision-cards/flight_delays.monitor?run_id={paged}",
        1200,
        700,
        _template("card.html", "findings_card.md"),
    ),
    Picture(
        "rejection",
        "/decision-cards/search_queries.retrain?run_id={refused}",
        1100,
        620,
        _template("card.html", "decision_card.md"),
    ),
    Picture("ledger", "/ledger/flight_delays.monitor", 1200, 640, _template("card.html", "ledger_card.md")),
    Picture("run", "/dags/flight_delays.retrain/runs/{promoted}", 1440, 900, ("dags/retrain.py",), seconds=9.0),
    Picture("form", "/dags/flight_delays.monitor", 1200, 1100, ("include/run_form.py",), seconds=9.0, click="Trigger"),
    Picture("rollback", "/dags/flight_delays.rollback", 1200, 900, ("include/run_form.py",), seconds=9.0, click="Trigger"),
)
# Of files.
REPLAY = Picture("replay", "", 900, 1180, _template("replay.html", "charts.html"))
MESSAGES = Picture("slack-preview", "", 900, 1000, (f"{_TEMPLATES}/slack_preview.html", "include/cli/slack_preview.py"))
# Of a stack of its own, by where the question is asked: {run} is the run that asks.
QUESTIONS = {
    "orchestrator": Picture(
        "review_airflow",
        "/dags/traffic_volume.retrain/runs/{run}/tasks/review/required_actions",
        1400,
        900,
        _template("review.md")[1:],
        seconds=9.0,
    ),
    "registry": Picture(
        "review_registry", "/#/models/traffic_volume/versions/1", 1400, 900, _template("review.md")[1:], seconds=9.0, kept=1035
    ),
}
# Drawn by the demo itself, as wide as a terminal of so many columns.
TABLE = Picture("demo", "", 0, 0, ("demo/live_view.py",))
ALL = (*PICTURES, TABLE, MESSAGES, REPLAY, *QUESTIONS.values())


@dataclass
class Browser:
    """A page of a headless Chromium that is signed in to Airflow."""

    page: ClientConnection
    calls: int = 0

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the DevTools protocol, and its answer."""
        self.calls += 1
        self.page.send(json.dumps({"id": self.calls, "method": method, "params": parameters}))
        while (answer := json.loads(self.page.recv(timeout=60))).get("id") != self.calls:
            pass
        result: dict[str, Any] = answer.get("result", {})
        return result

    def take(self, address: str, picture: Picture, scheme: str = "light") -> bytes:
        """The upper part of a page as PNG."""
        size = {"width": picture.width, "height": picture.height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url=address)
        time.sleep(picture.seconds)
        if picture.click:
            wanted = f"[...document.querySelectorAll('button')].find(one => one.textContent.trim() === '{picture.click}')"
            self.call("Runtime.evaluate", expression=f"{wanted}.click()")
            time.sleep(picture.seconds)
        clip = {"x": 0, "y": 0, "width": picture.kept or picture.width, "height": picture.height, "scale": 1}
        return base64.b64decode(self.call("Page.captureScreenshot", format="png", clip=clip)["data"])


@contextmanager
def browser(token: str, airflow: str) -> Iterator[Browser]:
    """A browser that ends with the block.

    Raises:
        SystemExit: none is installed.
    """
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        sys.exit(f"none of {', '.join(_BROWSERS)} is installed: install Chromium, such as `apt-get install chromium`.")
    with tempfile.TemporaryDirectory() as profile:
        quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
        command = [program, "--headless", "--no-sandbox", "--disable-gpu", *quiet, "--remote-debugging-port=0"]
        process = subprocess.Popen([*command, f"--user-data-dir={profile}", "about:blank"], stderr=subprocess.DEVNULL)
        try:
            pages = requests.get(f"http://127.0.0.1:{_port(Path(profile))}/json", timeout=30).json()
            address = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
            with connect(address, max_size=None) as connection:
                found = Browser(connection)
                found.call("Page.enable")
                found.call("Emulation.setScrollbarsHidden", hidden=True)
                found.call("Network.setCookie", name="_token", value=token, url=airflow)
                yield found
        finally:
            process.terminate()
            process.wait()


def _port(profile: Path) -> int:
    """Where the browser listens: it writes that down once it does."""
    deadline, file = time.monotonic() + 60, profile / "DevToolsActivePort"
    while not file.exists() or not file.read_text():
        if time.monotonic() > deadline:
            sys.exit("the browser did not start within a minute")
        time.sleep(0.2)
    return int(file.read_text().splitlines()[0])


def table(browser: Browser, rows: list[Row], elapsed: float) -> bytes:
    """The demo's table, as a terminal of 100 columns shows it."""
    with open(os.devnull, "w") as nowhere, tempfile.NamedTemporaryFile("w", suffix=".svg") as file:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        console.print(view(rows, elapsed))
        svg = console.export_svg(title="make demo")
        file.write(svg)
        file.flush()
        width, height = (math.ceil(float(number)) for number in re.findall(r"viewBox=\"0 0 ([0-9.]+) ([0-9.]+)\"", svg)[0])
        return browser.take(f"file://{file.name}", replace(TABLE, width=width, height=height))


def replayed(browser: Browser, stack: Stack) -> bytes:
    """The page of a replay that is made now: half a minute on two cores."""
    command = [sys.executable, "-m", "include.cli", "replay", "traffic_volume"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"/runs/(\w+)/artifacts/(\S+)", answer.stdout)
    assert found, answer.stdout
    # The file itself, without MLflow's frame around it.
    file = requests.get(f"{stack.mlflow_url}/get-artifact", {"run_uuid": found[1], "path": found[2]}, timeout=30)
    return _of_file(browser, file.content, REPLAY)


def messages(browser: Browser) -> bytes:
    """The messages as Slack shows them."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "slack.html"
        subprocess.run([sys.executable, "-m", "include.cli", "slack-preview", str(page)], capture_output=True, check=True)
        return _of_file(browser, page.read_bytes(), MESSAGES)


def question(where: str, picture: Picture) -> bytes:
    """What a person is asked, on a stack of its own: three minutes."""
    with asking(where) as (stack, run), browser(_token(stack), stack.airflow_url) as page:
        begin = stack.airflow_url if where == "orchestrator" else stack.mlflow_url
        return page.take(f"{begin}{picture.path.format(run=quote(run, safe=''))}", picture)


def runs_of(rows: list[Row]) -> dict[str, str]:
    """The runs that the pictures show: a promotion, a page, and a refusal for noise; by name, quoted for an address."""
    promoted = [row.retrain for row in rows if row.model == "flight_delays" and row.retrain and row.retrain.promotion.promoted]
    paged = [
        row.monitor for row in rows if row.model == "flight_delays" and row.monitor and row.monitor.finding.action == "page"
    ]
    refused = [row.retrain for row in rows if row.candidate and row.retrain]
    chosen = {"promoted": promoted[-1], "paged": paged[-1], "refused": refused[-1]}
    return {name: quote(status.run_id, safe="") for name, status in chosen.items()}


def main() -> int:
    """Take every picture, and note what it was taken of."""
    stack = Stack()
    # What was played already is only read again.
    player = player_of(stack, WEEKS, "airflow")
    player.play()
    runs, taken = runs_of(player.rows), {}
    with browser(_token(stack), stack.airflow_url) as page:
        for picture in PICTURES:
            address = f"{stack.airflow_url}{picture.path.format(**runs)}"
            for scheme in picture.schemes:
                picture.file(scheme).write_bytes(page.take(address, picture, scheme))
                print(picture.file(scheme).relative_to(ROOT))
            taken[picture.name] = digest(picture.sources)
        _keep(TABLE, table(page, player.rows, json.loads(SUMMARY.read_text())["seconds"]["all"]), taken)
        _keep(MESSAGES, messages(page), taken)
        _keep(REPLAY, replayed(page, stack), taken)
    for where, picture in QUESTIONS.items():
        _keep(picture, question(where, picture), taken)
    TAKEN.write_text(json.dumps(taken, indent=1) + "\n")
    return 0


def _keep(picture: Picture, data: bytes, taken: dict[str, str]) -> None:
    picture.file("light").write_bytes(data)
    taken[picture.name] = digest(picture.sources)
    print(picture.file("light").relative_to(ROOT))


def _of_file(browser: Browser, page: bytes, picture: Picture) -> bytes:
    with tempfile.NamedTemporaryFile(suffix=".html") as file:
        file.write(page)
        file.flush()
        return browser.take(f"file://{file.name}", picture)


def _token(stack: Stack) -> str:
    user = {"username": "admin", "password": stack.passwords["admin"]}
    answer = requests.post(f"{stack.airflow_url}/auth/token", json=user, timeout=30)
    return str(answer.json()["access_token"])


if __name__ == "__main__":
    sys.exit(main())
