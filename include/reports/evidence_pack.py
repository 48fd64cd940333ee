"""What a reviewer of model risk asks about one version, from what is on record; what is missing is named.

The sections follow the Federal Reserve's SR 11-7 (2011) and annex IV of the EU's AI Act (Regulation 2024/1689): purpose and
limits of use, people, data, development, tests, fairness, approval and overrides, monitoring, changes. Nothing is claimed that
neither a record nor the model's own file says. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from include.decisions.scoring.scorecard import Measured
from include.figures import figure, signed
from include.ledger.entries import Entry, taken_back, terms, without_intents
from include.models.contract import Model
from include.periods import in_a_word
from include.reports.card_words import names_of
from include.reports.ml_test_score import Score
from include.results import SHORT, Manifest
from include.statuses import MonitorStatus

_NEWEST_CHECKS = 52
_OVERRIDES = ("changed_by_hand", "tags_restored", "set_back")


class Table(BaseModel):
    """Lines under a head."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


class Section(BaseModel):
    """One subject: facts by name, and a table where there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    facts: dict[str, str]
    table: Table | None = None


class EvidencePack(BaseModel):
    """All sections about one version, and what a reviewer will miss."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    document_version: ClassVar[int] = 1

    model: str
    version: str
    made_at: datetime
    sections: tuple[Section, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class OnRecord:
    """What is known of one version: its tags in the registry, the proved ledger, the checks while it was champion.

    `refreshes` is the version that was validated, where this one learned the hold-out's rows too: verdict, approval, scorecard
    and card are that one's, and `judged` are its tags; elsewhere they are the version's own. `compared_with` is the champion
    that it was compared with. `manifests` are its snapshots by
    "training" and "hold-out", `scorecard` is the content of scorecard.json, `score` the ML Test Score; each is empty where
    there is none. `changed` names what is there and is not as it was written.
    """

    model: Model
    version: str
    tags: Mapping[str, str]
    judged: Mapping[str, str]
    created: datetime | None
    entries: Sequence[Entry]
    score: Score
    refreshes: str = ""
    compared_with: str = ""
    checks: Sequence[MonitorStatus] = ()
    manifests: Mapping[str, Manifest] = field(default_factory=dict)
    scorecard: Mapping[str, Any] = field(default_factory=dict)
    changed: Sequence[str] = ()

    @property
    def about(self) -> list[Entry]:
        """The entries about this version, and about the one that it refreshes, oldest first."""
        these = {self.version, self.refreshes} - {""}
        return [entry for entry in without_intents(self.entries) if these & {entry.version, entry.champion}]

    @property
    def approved(self) -> Entry | None:
        """The newest answer of a person by which the version that was judged might be promoted."""
        number = self.refreshes or self.version
        return next((one for one in reversed(self.entries) if (one.event, one.version) == ("approved", number)), None)

    @property
    def is_judged_otherwise(self) -> bool:
        """Whether the model's file asks for something else today than this version was judged by."""
        return self.judged.get("criteria", "") not in ("", self.model.criteria_digest)

    @property
    def approval(self) -> Entry | None:
        """The newest entry by which this version took office."""
        return next((entry for entry in reversed(self.entries) if entry.champion == self.version != entry.before), None)


def evidence_pack(known: OnRecord, made_at: datetime) -> EvidencePack:
    """The pack as of now."""
    sections = (
        _purpose(known),
        _people(known, made_at),
        _data(known),
        _development(known),
        _tests(known),
        _fairness(known),
        _score(known),
        _approval(known),
        _monitoring(known),
        _changes(known),
    )
    missing = tuple([*_undeclared(known), *_unrecorded(known)])
    return EvidencePack(model=known.model.name, version=known.version, made_at=made_at, sections=sections, missing=missing)


def _purpose(known: OnRecord) -> Section:
    model, said = known.model, known.model.governance
    facts = {
        "what it predicts": model.description,
        "task": f"{model.task}: {model.label.name}{f' ({model.label.unit})' if model.label.unit else ''}",
        "intended use": said.intended_use,
        "limits of use": "; ".join(said.limits),
        "assumptions": "; ".join(said.assumptions),
        "risk tier": said.risk_tier,
    }
    return Section(title="Purpose and limits of use", facts=facts)


def _people(known: OnRecord, now: datetime) -> Section:
    model, said, approval = known.model, known.model.governance, known.approval
    by = approval.by if approval else ""
    facts = {
        "owner": model.owner,
        "took office by": by,
        "who is asked before a promotion": {
            "none": "no one: the gate alone decides",
            "orchestrator": f"{', '.join(model.review.reviewers) or 'any user who may answer'}, in the orchestrator",
            "registry": "a person, by a tag in MLflow",
        }[model.review.where],
        "independent reviewer": said.reviewer,
        "is the reviewer independent of the owner": "" if not said.reviewer else _yes(said.reviewer != model.owner),
        "approved by": known.approved.by if known.approved else "no person: the gate alone decided" if by else "",
        "is the approver independent of the owner": _independence(known),
        "reviewed every": f"{said.review_every.days} days" if said.review_every else "",
        "next review": f"{approval.at + said.review_every:%Y-%m-%d}" if approval and said.review_every else "",
        "this pack was made at": f"{now:%Y-%m-%d %H:%M} UTC",
    }
    return Section(title="People", facts=facts)


def _independence(known: OnRecord) -> str:
    """Names are all that there is to go by: two that differ may still be one person, or a person and the person's team."""
    if known.approved is None:
        return "no person approved it"
    if known.approved.by == known.model.owner:
        return "no"
    by, owner = known.approved.by, known.model.owner
    return f"not on record: {by} approved it; whether {by} is of {owner} is for people to say"


def _length(length: timedelta) -> str:
    days, rest = divmod(length, timedelta(days=1))
    return f"{days} days" if not rest else f"{length.total_seconds() / 3600:g} hours"


def _yes(so: bool) -> str:
    return "yes" if so else "no"


def _data(known: OnRecord) -> Section:
    model, tags = known.model, known.tags
    facts = {
        "a row": f"identified by {', '.join(model.feed.key)}; its time is {model.feed.time}",
        "labels": f"count from {_length(model.feed.label_delay)} after a row's time on",
        "what may be wrong in a delivery": f"at most {model.feed.max_bad_share:.0%} of its rows; they go to quarantine",
        "features": ", ".join(model.feature_names),
        "judged by, never seen": ", ".join(column.name for column in model.groups) or "no such columns",
        "trained on rows from": tags.get("trained_from", ""),
        "until": tags.get("trained_until", ""),
        "labelled rows": tags.get("labelled_rows", ""),
        "training digest": tags.get("train_digest", ""),
        "hold-out digest": tags.get("holdout", ""),
        "rows taken back since": "; ".join(entry.reason for entry in taken_back(known.entries, known.version)) or "none",
    }
    lines = [
        (name, file.key.removesuffix(f"/{file.sha256}.parquet"), file.sha256)
        for name, manifest in known.manifests.items()
        for file in manifest.files
    ]
    return Section(
        title="Data and their lineage", facts=facts, table=Table(head=("snapshot", "file", "sha256"), lines=tuple(lines))
    )


def _development(known: OnRecord) -> Section:
    tags, model = known.tags, known.model
    facts = {
        "made at": f"{known.created:%Y-%m-%d %H:%M} UTC" if known.created else "",
        "candidate": tags.get("candidate", ""),
        "parameters": tags.get("parameters", "those of the code"),
        "recipe": tags.get("recipe", ""),
        "seed": tags.get("seed", ""),
        "commit": tags.get("git", ""),
        "lock of libraries": tags.get("lock", ""),
        "validated as": f"version {known.refreshes}; this one learned the hold-out's rows too"
        if known.refreshes
        else "itself",
        "format": tags.get("artifact", ""),
        "the same rows give the same answers": tags.get("repeats", ""),
        "why it was trained": tags.get("trigger", ""),
        "run": tags.get("pipeline_run_url", ""),
        "candidates compared": ", ".join(candidate.name for candidate in model.candidates) + ", and a linear baseline",
    }
    return Section(title="Development", facts=facts)


def _tests(known: OnRecord) -> Section:
    criteria, tags = known.model.criteria, known.judged
    now = ", as the model's file says now" if known.is_judged_otherwise else ""
    facts = {
        f"metric{now}": criteria.metric,
        f"floors{now}": f"{criteria.floor:g} on clean rows, {criteria.noisy_floor:g} on noisy ones",
        f"margin of non-inferiority{now}": f"{criteria.margin:g}",
        f"judged one by one{now}": ", ".join(criteria.judged_by) or "no slices are declared",
        "verdict": tags.get("verdict", ""),
        "why": tags.get("reason", ""),
        "criteria digest": tags.get("criteria", ""),
    }
    facts |= {
        f"check: {name.removeprefix('check.').replace('_', ' ')}": tags[name]
        for name in sorted(tags)
        if name.startswith("check.")
    }
    evidence = known.scorecard.get("evidence") or {}
    every = evidence.get("cells", ())
    names = names_of(dict.fromkeys(str(one.get("condition")) for one in every))
    cells = tuple(_cell(one, names) for one in every if one.get("metric") == criteria.metric)
    if every:
        facts["comparisons"] = f"{len(every):,} of all metrics, in scorecard.json of the run; below those of {criteria.metric}"
    champion, challenger = f"champion {known.compared_with}".strip(), f"challenger {known.refreshes or known.version}"
    head = ("rows", "where", "count", champion, challenger, "gain", "95 % interval", "tested")
    return Section(title="Tests before promotion", facts=facts, table=Table(head=head, lines=cells) if cells else None)


def _cell(cell: Mapping[str, Any], names: Mapping[str, str]) -> tuple[str, ...]:
    condition = str(cell.get("condition"))
    gain = Measured(**cell["gain"]) if cell.get("gain") else None
    return (
        names.get(condition, condition),
        str(cell.get("where")),
        f"{cell.get('rows'):,}",
        _number(cell.get("champion")),
        _number(cell.get("challenger")),
        signed(gain.value) if gain else "–",
        f"{signed(gain.low)} to {signed(gain.high)}" if gain else "–",
        _yes(bool(cell.get("tested"))),
    )


def _number(value: object) -> str:
    return figure(value) if isinstance(value, int | float) else "–"


def _fairness(known: OnRecord) -> Section:
    found = (known.scorecard.get("in_use") or {}).get("fairness") or {}
    facts = {
        "groups": ", ".join(known.model.criteria.fairness) or "none are declared",
        "too small to compare": ", ".join(found.get("too_small", ())) or "none",
    }
    lines = tuple(
        (
            str(gap["column"]),
            str(gap["measure"]),
            f"{gap['highest']} {_number(gap['highest_value'])}",
            f"{gap['lowest']} {_number(gap['lowest_value'])}",
            f"{_number(gap['low'])} to {_number(gap['high'])}",
            _number(gap.get("champion")),
        )
        for gap in found.get("gaps", ())
    )
    head = ("column", "measure", "highest", "lowest", "95 % interval of the difference", "the champion's largest")
    return Section(title="Fairness", facts=facts, table=Table(head=head, lines=lines) if lines else None)


def _score(known: OnRecord) -> Section:
    lines = tuple(
        (section, test.title, f"{test.points:g}", test.why)
        for section, tests in known.score.sections.items()
        for test in tests
    )
    facts = {"in a line": known.score.sentence}
    return Section(title="ML Test Score", facts=facts, table=Table(head=("section", "test", "points", "why"), lines=lines))


def _approval(known: OnRecord) -> Section:
    overrides = [entry for entry in known.about if entry.event in _OVERRIDES or entry.evidence.get("override")]
    lane = known.tags.get("lane", "")
    overridden = [
        f"{one.by} overrode the verdict {one.evidence['overridden']}" for one in known.about if "overridden" in one.evidence
    ]
    override = "; ".join([*filter(None, [known.judged.get("override")]), *dict.fromkeys(overridden)])
    facts = {
        "lane": lane,
        "below its floors and promoted all the same": _yes(lane == "rescue"),
        "a person's override of a check": override or "none",
        "changed outside of the pipeline": "; ".join(f"{entry.at:%Y-%m-%d}: {entry.reason}" for entry in overrides) or "never",
    }
    for term in terms(known.entries):
        if term.version == known.version:
            facts[f"champion from {term.start:%Y-%m-%d %H:%M}"] = (
                f"until {term.end:%Y-%m-%d %H:%M}" if term.end else "it still is"
            )
    return Section(title="Approval and overrides", facts=facts)


def _monitoring(known: OnRecord) -> Section:
    model, again = known.model, known.model.retraining
    facts = {
        "checked": f"every {in_a_word(model.feed.period)} ({model.feed.schedule} UTC), and when a delivery is announced",
        "retrained": f"{again.cadence} UTC; when {again.when}; after {model.max_model_age.days} days at the latest",
        "decay": f"a loss of more than {again.decay_share:.0%} on two mature periods, beyond chance",
        "probation after a promotion": _probation(model),
        "checks while it was champion": f"{len(known.checks):,}",
    }
    lines = tuple(_check(check) for check in known.checks[-_NEWEST_CHECKS:])
    head = ("as of", "action", "quality", "columns drifted", "why")
    return Section(title="Monitoring", facts=facts, table=Table(head=head, lines=lines) if lines else None)


def _probation(model: Model) -> str:
    if model.probation is None:
        return "none"
    then = model.probation.then.replace("_", " ")
    return f"{model.probation.periods} periods, {model.probation.looks} looks; where it is worse: {then}"


def _check(check: MonitorStatus) -> tuple[str, ...]:
    value = check.quality.value
    quality = f"{check.quality.metric} {figure(value, 4)}" if value is not None else "no labels yet"
    drifted = f"{len(check.drift.drifted)} of {check.drift.columns}"
    return f"{check.as_of:%Y-%m-%d}", check.finding.headline, quality, drifted, check.finding.reason


def _changes(known: OnRecord) -> Section:
    lines = tuple(
        (f"{entry.at:%Y-%m-%d %H:%M}", entry.event.replace("_", " "), entry.version or "–", entry.by, entry.reason)
        for entry in known.about
    )
    facts = {"entries in the ledger": f"{len(known.entries):,}, each chained to the one before by its digest: proved"}
    head = ("at", "what", "version", "by", "why")
    return Section(title="What happened to it", facts=facts, table=Table(head=head, lines=lines))


def _undeclared(known: OnRecord) -> Iterator[str]:
    said, model = known.model.governance, known.model
    for name, value in (
        ("intended_use", said.intended_use),
        ("limits", said.limits),
        ("assumptions", said.assumptions),
        ("risk_tier", said.risk_tier),
        ("reviewer", said.reviewer),
        ("review_every", said.review_every),
    ):
        if not value:
            yield f"the model's file does not say it: governance=Governance({name}=…)"
    if not model.criteria.fairness:
        yield "no groups are declared to compare: criteria.fairness"
    if not model.criteria.slices:
        yield "no slices are declared to judge by: criteria.slices"
    if model.review.where == "none":
        yield "no person is asked before a promotion: review=Review(where=…)"
    if said.reviewer and said.reviewer == model.owner:
        yield "the reviewer is the owner: no independent review"


def _unrecorded(known: OnRecord) -> Iterator[str]:
    commit = known.tags.get("git", "unknown")
    for absent, line in (
        (known.approval is None, f"version {known.version} was never champion"),
        (not known.scorecard, "no scorecard: it was never judged, or its run in MLflow was removed"),
        ("training" not in known.manifests, "no list of the files of its training rows"),
        ("hold-out" not in known.manifests, "no list of the files of its hold-out rows"),
        (commit == "unknown", "the commit of the code is not known"),
        ("+" in commit, "the code had changes that are in no commit"),
        (not known.checks, "no check was made while it was champion"),
        (
            known.is_judged_otherwise,
            f"the criteria that it was judged by ({known.judged.get('criteria', '')[:SHORT]}): the model's file has others by "
            f"now ({known.model.criteria_digest[:SHORT]}); its decision card has them, and the repository at its commit",
        ),
    ):
        if absent:
            yield line
    yield from known.changed
    for section, tests in known.score.sections.items():
        for test in tests:
            if not test.points:
                yield f"ML Test Score, {section.lower()}: {test.title.lower()} ({test.why})"
