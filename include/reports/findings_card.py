"""The findings of one run of the monitor as a page of markdown: what triage found, what moved, how good the champion is."""

from datetime import datetime

from include.results import Drift, Finding, Quality
from include.untrusted_text import plain

_KINDS = {
    "shift": "moved",
    "new": "new values",
    "noise": "noise",
    "predictions": "the champion's predictions",
    "label": "the labels",
    "together": "separable",
}


def findings_card(model_name: str, finding: Finding, drift: Drift | None, quality: Quality | None) -> str:
    """One page from the results of the monitor's tasks, None where a task has none; text from outside is escaped."""
    lines = [f"## {finding.action.upper()}: {plain(model_name)}", "", _sentence(finding.reason)]
    if finding.advice:
        lines += ["", _sentence(finding.advice)]
    lines += ["", "### Quality", "", *_quality(quality), "", "### What moved", "", *_moved(drift)]
    if drift and drift.report_url:
        lines += ["", f"Evidently's report, drawn from samples: <{_address(drift.report_url)}>"]
    return "\n".join(lines)


def _quality(quality: Quality | None) -> list[str]:
    if quality is None:
        return ["Not measured."]
    lines = [_sentence(quality.summary or "not measured")]
    if quality.value is not None and quality.period:
        recent = quality.value if quality.recent is None else quality.recent
        lines = [
            f"| period | {plain(quality.metric)} | 95 % interval | newest two | was | rows |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
            f"| {_day(quality.period)} | {quality.value:.4f} | {quality.low:.4f} to {quality.high:.4f} | "
            f"{recent:.4f} | {quality.reference:.4f} | {quality.rows:,} |",
        ]
    if quality.estimate is not None and quality.estimate_of:
        lines += [
            "",
            f"Label-free estimate for {_day(quality.estimate_of)}: {quality.estimate:.4f} ({quality.estimate_low:.4f} to "
            f"{quality.estimate_high:.4f}). It sees covariate shift, not concept drift.",
        ]
    if quality.overdue:
        lines += ["", f"Labels are late by {quality.overdue} of the model's periods."]
    return lines


def _moved(drift: Drift | None) -> list[str]:
    if drift is None:
        return ["Not compared."]
    broken = [f"* **broken:** {plain(sign)}" for sign in drift.broken]
    if not drift.moved:
        return broken or ["Nothing beyond the usual variation between periods."]
    seasonal = any(one.season for one in drift.moved)
    head = ["what", "kind", "how", "use", "periods", *(["season"] if seasonal else [])]
    rows = [
        [
            plain(one.view),
            _KINDS.get(one.kind, ""),
            plain(one.what),
            # What stands in brackets is no column, so the champion does not use it.
            "" if one.view.startswith("(") else f"{one.weight:.0%}",
            f"{one.in_a_row}",
            *([plain(one.season)] if seasonal else []),
        ]
        for one in drift.moved
    ]
    table = [head, ["---", "---", "---", "---:", "---:", *(["---"] if seasonal else [])], *rows]
    legend = "*use: the column's share of what moves the champion's predictions; periods: for how many in a row.*"
    # Without the empty line a table is taken for a part of the list.
    return [*broken, *([""] if broken else []), *(f"| {' | '.join(row)} |" for row in table), "", legend]


def _sentence(text: str) -> str:
    sentence = plain(text)
    return sentence[:1].upper() + sentence[1:] + ("" if sentence.endswith((".", "?", "!")) else ".")


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _address(url: str) -> str:
    return "".join(character for character in url if character not in "<> \n")
