"""The findings of one run of the monitor as a page of markdown: what triage said, what moved, how good the champion is."""

from collections.abc import Mapping
from typing import Any

from include.untrusted_text import plain

_KINDS = {
    "shift": "moved",
    "new": "new values",
    "mess": "mess",
    "answers": "the champion's answers",
    "label": "the labels",
    "together": "told apart",
}


def findings_card(model_name: str, finding: Mapping[str, Any], drift: Mapping[str, Any], quality: Mapping[str, Any]) -> str:
    """One page from the references that the monitor's tasks returned, as plain values; text from outside is escaped."""
    lines = [f"## {str(finding.get('action', '')).upper()}: {plain(model_name)}", "", _sentence(finding.get("reason"))]
    if finding.get("advice"):
        lines += ["", _sentence(finding["advice"])]
    lines += ["", "### Quality", "", *_quality(quality), "", "### What moved", "", *_moved(drift)]
    if url := drift.get("report_url"):
        lines += ["", f"Evidently's report, drawn from samples: <{_address(url)}>"]
    return "\n".join(lines)


def _quality(quality: Mapping[str, Any]) -> list[str]:
    if quality.get("value") is None:
        lines = [_sentence(quality.get("summary") or "not measured")]
    else:
        metric = plain(quality["metric"])
        lines = [
            f"| period | {metric} | 95 % interval | newest two | was | rows |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
            f"| {_day(quality['period'])} | {quality['value']:.4f} | {quality['low']:.4f} to {quality['high']:.4f} | "
            f"{quality.get('recent') or quality['value']:.4f} | {quality['reference']:.4f} | {quality['rows']:,} |",
        ]
    if quality.get("estimate") is not None:
        low, high = quality["estimate_low"], quality["estimate_high"]
        lines += [
            "",
            f"Estimated for {_day(quality['estimate_of'])}, whose labels have not come: {quality['estimate']:.4f} "
            f"({low:.4f} to {high:.4f}). It proves nothing: it notices rows that are harder than "
            "usual, not a world in which the same rows mean something else.",
        ]
    if quality.get("overdue"):
        lines += ["", f"Labels are late by {quality['overdue']} of the model's periods."]
    return lines


def _moved(drift: Mapping[str, Any]) -> list[str]:
    broken = [f"* **broken:** {plain(sign)}" for sign in drift.get("broken") or ()]
    moved = drift.get("moved") or ()
    if not moved:
        return broken or ["Nothing beyond what is usual from period to period."]
    seasonal = any(one["season"] for one in moved)
    head = ["what", "kind", "how", "use", "periods", *(["season"] if seasonal else [])]
    rows = [
        [
            plain(one["view"]),
            _KINDS.get(one["kind"], ""),
            plain(one["what"]),
            # What stands in brackets is no column, so the champion does not use it.
            "" if one["view"].startswith("(") else f"{one['weight']:.0%}",
            f"{one['in_a_row']}",
            *([plain(one["season"])] if seasonal else []),
        ]
        for one in moved
    ]
    table = [head, ["---", "---", "---", "---:", "---:", *(["---"] if seasonal else [])], *rows]
    told = "*use: the column's share of what moves the champion's answers; periods: for how many in a row.*"
    # Without the empty line a table is taken for a part of the list.
    return [*broken, *([""] if broken else []), *(f"| {' | '.join(row)} |" for row in table), "", told]


def _sentence(text: object) -> str:
    said = plain(str(text or ""))
    return said[:1].upper() + said[1:] + ("" if said.endswith((".", "?", "!")) else ".")


def _day(moment: object) -> str:
    return plain(str(moment)[:10])


def _address(url: object) -> str:
    return "".join(character for character in str(url) if character not in "<> \n")
