"""What a person sees while the demo runs, and what it leaves behind."""

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from demo.player import Row
from deploy.local.stack import Stack

_COLOURS = {
    "promote": "green",
    "keep": "yellow",
    "inconclusive": "yellow",
    "blocked": "red",
    "retrain": "cyan",
    "page": "yellow",
    "wait": "yellow",
    "alarm": "red",
    "stop": "red",
    "failed": "red",
}


def view(rows: list[Row], elapsed: float) -> RenderableType:
    """The table of every model's weeks, and one line on what happens now."""
    busy = [
        f"[bold]{row.model}[/] {row.start:%d %b}: {row.now}" for row in rows if row.now not in ("waiting", "done", "failed")
    ]
    done = sum(row.now in ("done", "failed") for row in rows)
    now = Text.from_markup(" · ".join(busy) or ("every delivery was dealt with" if done == len(rows) else "preparing"))
    tables = [_table(model, [row for row in rows if row.model == model]) for model in dict.fromkeys(row.model for row in rows)]
    head = Text(f"{done} of {len(rows)} deliveries, {int(elapsed) // 60}:{int(elapsed) % 60:02d}", style="dim")
    return Group(Panel(Group(now, head), title="now", border_style="blue"), *tables, *_announcements(rows))


def _table(model: str, rows: list[Row]) -> Table:
    style: dict[str, Any] = {"title_justify": "left", "title_style": "bold", "box": box.SIMPLE_HEAD, "padding": (0, 1, 0, 0)}
    table = Table(title=model, expand=True, **style)
    right: dict[str, Any] = {"justify": "right", "no_wrap": True}
    table.add_column("week", no_wrap=True)
    table.add_column("rows", **right)
    table.add_column("bad", **right)
    table.add_column("drift", **right)
    table.add_column("quality (week)", no_wrap=True)
    table.add_column("labels", **right)
    # Its reason is cut where the terminal is narrow; all else is whole in 100 columns.
    table.add_column("triage", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("verdict", no_wrap=True)
    table.add_column("champion", **right)
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: Row) -> list[Text]:
    summary = row.summary()
    return [
        Text(f"{row.start:%Y-%m-%d}", style="bold" if row.now not in ("waiting", "done") else ""),
        _number(summary["rows"]),
        Text(
            f"{summary['quarantined']:,}" if summary["quarantined"] is not None else "",
            style="red" if summary["quarantined"] else "dim",
        ),
        Text(f"{summary['drifted']}/{summary['columns']}" if summary["columns"] else ""),
        Text(f"{summary['quality']:.4g} ({summary['quality_of'][5:]})" if summary["quality"] is not None else ""),
        Text(f"{summary['maturity']:.0%}" if summary["maturity"] is not None else "", style="dim"),
        _word(summary["triage"], summary["reason"]),
        _word(summary["verdict"], None),
        Text(f"v{summary['champion']}" if summary["champion"] else "", style="bold"),
    ]


def _number(value: int | None) -> Text:
    return Text(f"{value:,}" if value is not None else "")


def _word(word: str | None, reason: str | None) -> Text:
    text = Text(word or "", style=_COLOURS.get(word or "", "dim"))
    if reason and word not in (None, "nothing"):
        text.append(f"  {reason}", style="dim")
    return text


def _announcements(rows: list[Row]) -> list[Text]:
    return [
        Text(
            f"The delivery of {row.start:%Y-%m-%d} is damaged on purpose: {sum(row.damage.values())} rows "
            f"({', '.join(f'{count} × {kind}' for kind, count in row.damage.items())}).",
            style="magenta",
        )
        for row in rows
        if row.damage
    ] + [
        Text.assemble(
            (f"In the week of {row.start:%Y-%m-%d} admin asks for the candidate {row.candidate} of {row.model}: ", "magenta"),
            (
                f"{row.retrain.verdict.verdict}: {next(iter(row.retrain.verdict.reasons), '')}.",
                _COLOURS[row.retrain.verdict.verdict],
            ),
        )
        for row in rows
        if row.candidate and row.retrain
    ]


def farewell(stack: Stack, orchestrator: str, detached: bool) -> RenderableType:
    """Where to look, what to click first, and how to stop."""
    password = stack.passwords["admin"]
    if orchestrator == "prefect":
        pages = (
            f"[bold]Prefect[/]  {stack.prefect_url}   password [bold]admin:{password}[/]\n"
            "  Click first: Runs → the newest flight_delays.retrain → Artifacts → the decision card.\n"
            "  Then: Deployments → flight_delays.retrain → Run, the form.\n"
        )
    else:
        pages = (
            f"[bold]Airflow[/]  {stack.airflow_url}   user [bold]admin[/], password [bold]{password}[/]\n"
            f"  Click first: {stack.models_url}, all models at a glance.\n"
            "  Then: Dags → flight_delays.retrain → the newest run → the tab Decision card; monitors have one too.\n"
        )
    text = (
        f"{pages}"
        f"[bold]MLflow[/]   {stack.mlflow_url}/#/models/flight_delays   no password\n"
        "  Click first: the version with the alias champion. Its description is the decision card.\n"
        f"[bold]Stop[/]     {'make down' if detached else 'Ctrl-C here, or make down elsewhere'}. "
        "Data stay in .stack; remove the folder to begin anew."
    )
    return Panel(Text.from_markup(text), title="it stays up", border_style="green")


def summary(rows: list[Row], seconds: dict[str, float]) -> dict[str, Any]:
    """The content of demo/summary.json: the weeks of flight_delays, and those of the other models under their names."""
    by_model: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_model.setdefault(row.model, []).append(row.summary())
    return {"weeks": by_model.pop("flight_delays", []), "other_models": by_model, "seconds": seconds, "shown": _shown(rows)}


def _shown(rows: list[Row]) -> dict[str, bool]:
    """What the demo set out to show, and whether the data produced it."""
    weeks = [row.summary() for row in rows]
    retrained = [week for week in weeks if week["triage"] == "retrain" and week["verdict"]]
    caused = [week for week in retrained if not week["reason"].startswith("first champion")]
    return {
        "first champion by the first-champion rule": any(w["verdict"] == "promote" for w in retrained if w not in caused),
        "retrain caused by decay or drift": bool(caused),
        "challenger promoted": any(w["verdict"] == "promote" for w in caused),
        "challenger not promoted": any(w["verdict"] in ("keep", "inconclusive", "blocked") for w in weeks),
        "challenger refused for noise": any(w["verdict"] == "keep" and "noisy" in w["verdict_reason"] for w in weeks),
        "damaged rows in quarantine, good rows went on": any(
            w["damaged_on_purpose"] and w["quarantined"] and w["rows"] for w in weeks
        ),
        "a model that needed no retraining": any(
            not any(w in caused for w in (r.summary() for r in rows if r.model == model))
            for model in {row.model for row in rows}
        ),
    }
