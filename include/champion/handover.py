"""Changing the champion: the one place that moves the alias, for promote, roll_back and reconcile.

Under the model's lock: an intent in the ledger, the alias, the outcome in the ledger. What counts is where MLflow's alias
`champion` is. Whoever comes next finds an intent without an outcome and finishes it: if the alias had moved it is completed,
and if not it is abandoned. Aliases `previous` and `anchor`, tags, and the mirror of the ledger in MLflow follow from the
ledger, so they are set again until they are right; what inference servers read does too.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from include.adapters.lock import Held
from include.adapters.registry import ANCHOR, CHALLENGER, CHAMPION, PREVIOUS, ROLLED_BACK, WAS_CHAMPION
from include.champion.publish import publish_champion
from include.errors import ArtifactChanged, ProvingGroundError
from include.ledger.entries import OUTCOME, TAKES_OFFICE, Entry, Event, Fact, State, fact_in
from include.models.contract import Model
from include.request import Request
from include.services import Services
from include.untrusted_text import one_line

# Of the model in MLflow: the newest entry of the ledger that is mirrored on its versions.
_MIRRORED = "ledger_mirrored"
_BY_HAND = "somebody in MLflow"
# Until when a write that came late is told from a change made by hand.
_LATEST = timedelta(hours=1)


@dataclass
class Handover:
    """The lock of a model in our hands, registry and ledger in agreement; `found` says what had to be mended first."""

    services: Services
    model: Model
    request: Request
    lock: Held
    state: State
    sequence: int
    found: list[str] = field(default_factory=list)
    unpublished: str = ""
    by_hand: bool = False

    def write(self, event: Event, key: str, by: str, reason: str, version: str | None, **more: Any) -> Entry:
        """One entry in the ledger; `more` is `new`, the next champion, and `evidence`."""
        return self._append(fact(self.request, event, key, by=by, reason=reason, version=version, **more))

    def _append(self, said: Fact) -> Entry:
        self.lock.renew()
        entry = self.services.ledger.append(self.model.name, said, seen=self.sequence)
        # What is said once may have been said long ago: its state is not ours.
        if entry.sequence > self.sequence:
            self.state, self.sequence = entry.after, entry.sequence
        return entry

    def move(self, event: Event, new: str, key: str, by: str, reason: str, evidence: dict[str, Any]) -> None:
        """Make a version champion; `event` is the intent: promoting or rolling_back.

        Raises:
            Locked: the lock was lost; nothing more is written.
        """
        old = self.state.champion
        self.write(event, key, by, reason, new, new=new, evidence=evidence)
        if event == "promoting" and old:
            self._set_alias(PREVIOUS, old)
        self._set_alias(CHAMPION, new)
        self.write(OUTCOME[event], key, by, reason, new, new=new, evidence=evidence)
        self.mirror()

    def mirror(self, must_publish: bool = True) -> None:
        """Make MLflow, and what is served, say what the ledger says; what is right already is not written again.

        Without `must_publish` a champion that cannot be published stops nothing: `unpublished` says why.
        """
        registry, name = self.services.registry, self.model.name
        aliases, tags = registry.overview(name)
        if not aliases and not tags:
            # Somebody deleted the model itself: there is nothing left that could carry an alias or a tag.
            return
        previous = self.state.previous
        if aliases.get(PREVIOUS) != previous:
            # Deleted in MLflow, it can carry nothing.
            if previous and registry.exists(name, previous):
                self._set_alias(PREVIOUS, previous)
            elif PREVIOUS in aliases:
                self.lock.renew()
                registry.drop_alias(name, PREVIOUS)
        if ANCHOR not in aliases and self.state.champion:
            # Challengers to come may not walk away from it in small steps; a person may freeze another.
            oldest = next((old for old in self.state.were_champion if registry.exists(name, old)), self.state.champion)
            self._set_alias(ANCHOR, oldest)
        if CHALLENGER in aliases and aliases[CHALLENGER] == self.state.champion:
            self.drop_challenger(str(self.state.champion))
        entries = self.services.ledger.entries(name, after=self._mirrored(tags.get(_MIRRORED, "")))
        for entry in entries:
            self._mirror_entry(entry)
        if entries:
            self.lock.renew()
            registry.annotate_model(name, {_MIRRORED: str(entries[-1].sequence)})
        self._publish(must_publish)

    def _publish(self, must: bool) -> None:
        try:
            published = publish_champion(self.services, self.model, self.state.champion, self.lock)
        except ProvingGroundError as error:
            if must:
                raise
            published = self.unpublished = str(error)
        if published:
            self.found.append(published)

    def _mirrored(self, tag: str) -> int:
        """The newest entry that is mirrored; 0 where the tag holds no number of an entry, because somebody changed it."""
        number = int(tag) if re.fullmatch("[0-9]{1,10}", tag) else 0
        if number > self.sequence:
            # The ledger is written first, so its mirror never goes further.
            self.by_hand = True
            self.found.append(
                f"MLflow mirrors entry {number} and the ledger ends with {self.sequence}: somebody removed entries, or "
                f"changed the tag {_MIRRORED}"
            )
            return 0
        return number

    def drop_challenger(self, number: str) -> None:
        """Take the alias challenger from this version; a newer challenger keeps it."""
        aliased = self.services.registry.aliased(self.model.name, CHALLENGER)
        if aliased and aliased.number == number:
            self.lock.renew()
            self.services.registry.drop_alias(self.model.name, CHALLENGER)

    def _mirror_entry(self, entry: Entry) -> None:
        """One tag per entry on the version that it is about, so that people can read it there; an intent says nothing yet."""
        about = entry.version
        if about is None or entry.event in OUTCOME or not self.services.registry.exists(self.model.name, about):
            return
        self.lock.renew()
        said = f"{entry.at:%Y-%m-%d %H:%M} UTC, {entry.by}: {entry.reason}"[:500]
        tags = {f"ledger.{entry.sequence:06d}.{entry.event}": said}
        if entry.champion == about:
            tags[WAS_CHAMPION] = "true"
        self.services.registry.annotate(self.model.name, about, tags)
        if entry.champion == about and entry.event in ("rolled_back", "changed_by_hand"):
            self.services.registry.drop_tags(self.model.name, about, [ROLLED_BACK])
        if entry.event == "rolled_back" and entry.before and self.services.registry.exists(self.model.name, entry.before):
            self.services.registry.annotate(self.model.name, entry.before, {ROLLED_BACK: said})

    def _set_alias(self, alias: str, number: str) -> None:
        self.lock.renew()
        self.services.registry.set_alias(self.model.name, alias, number)

    def agree(self) -> None:
        """Finish what a killed run began, and write down what somebody changed by hand."""
        champion = self.services.registry.champion(self.model.name)
        now = champion.number if champion else None
        moving = self.state.moving
        if moving:
            self._finish(now)
        if now is not None and now != self.state.champion and self._came_late(now):
            self._set_back(now)
        elif now != self.state.champion:
            self._record_by_hand(now)

    def _finish(self, now: str | None) -> None:
        moving = self.state.moving
        assert moving is not None
        began = self.services.ledger.newest_about(self.model.name, moving.event, moving.new)
        assert began is not None
        if now == moving.new:
            self._complete(began, moving.new)
            self.found.append(f"a run was killed after it had made version {moving.new} champion: its record is completed")
        else:
            why = f"a run was killed before it made version {moving.new} champion"
            self.write("abandoned", moving.key, "reconcile", why, moving.new, evidence=began.evidence)
            self.found.append(f"{why}: the attempt is written off")

    def _complete(self, began: Entry, new: str) -> None:
        """The outcome of an intent, in the name and as of the time of the run that began it: whoever mends decided nothing."""
        outcome = replace(fact_in(began), event=OUTCOME[began.event], version=new, new=new)
        self._append(outcome)

    def _came_late(self, now: str) -> bool:
        """Whether this is the write of an attempt that was written off: a server may carry out what its client gave up on."""
        if now != self.state.written_off or not self.state.champion:
            return False
        given_up = self.services.ledger.newest_about(self.model.name, "abandoned", now)
        return given_up is not None and self.services.ledger.now() - given_up.at < _LATEST

    def _set_back(self, now: str) -> None:
        champion = str(self.state.champion)
        reason = f"version {now} became champion by a write that came after its attempt was written off: {champion} is again"
        self._set_alias(CHAMPION, champion)
        self.write("set_back", f"{now} to {champion}", "reconcile", reason, now)
        self.found.append(reason)

    def _record_by_hand(self, now: str | None) -> None:
        old, newest = self.state.champion, self.services.ledger.newest(self.model.name)
        first = not self.state.were_champion and self._only_answers()
        # Begun, and killed between its two entries: it is no change by anybody's hand.
        if first or newest is None or (now is not None and newest.evidence.get("then") == now):
            before = self.services.registry.aliased(self.model.name, PREVIOUS)
            if first and before and before.number != now:
                why, then = "it was previous when the ledger began", {"then": now}
                self.write(
                    "found", f"found {before.number}", "reconcile", why, before.number, new=before.number, evidence=then
                )
            self.write("found", f"found {now}", "reconcile", "it was champion when the ledger began", now, new=now)
            self.found.append(f"the ledger begins: version {now} is champion")
            return
        said = f"version {now} was made champion by hand" if now else "nobody is champion any more"
        reason = f"{said}; version {old} was" if old else said
        evidence = {"seen_before": newest.at.isoformat()}
        self.write("changed_by_hand", f"{old} to {now}", _BY_HAND, reason, now or old, new=now, evidence=evidence)
        self.by_hand = True
        self.found.append(reason)

    def _only_answers(self) -> bool:
        """Whether the ledger holds nothing but what reviewers said: that is written without a look at the champion."""
        return all(entry.event in ("approved", "rejected") for entry in self.services.ledger.entries(self.model.name))


@contextmanager
def handover(services: Services, model: Model, request: Request, step: str) -> Iterator[Handover]:
    """The lock of a model, once registry and ledger agree.

    Raises:
        Locked: somebody else is changing this model's champion.
        LedgerBroken: the ledger's newest entry cannot be read.
    """
    with services.locks.held(model.name, owner=f"{request.run_id}/{step}") as lock:
        newest = services.ledger.newest(model.name)
        state, sequence = (newest.after, newest.sequence) if newest else (State(), 0)
        begun = Handover(services, model, request, lock, state, sequence)
        # Written by an earlier try of this very run, which died before anybody was told.
        begun.by_hand = newest is not None and (newest.event, newest.run_id) == ("changed_by_hand", request.run_id)
        begun.agree()
        yield begun


def fact(request: Request, event: Event, key: str, *, by: str, reason: str, version: str | None, **more: Any) -> Fact:
    """What a step wants to be written, in the name of its run; words that may be somebody's are one readable line."""
    return Fact(
        event=event,
        key=key,
        as_of=request.as_of,
        by=one_line(by, 200),
        reason=one_line(reason, 1000),
        run_id=request.run_id,
        version=version,
        **more,
    )


def promoted_digest(services: Services, model: Model, number: str) -> str:
    """Digest of the file with which a version last took office; empty where somebody made it champion by hand.

    A registry that was lost begins to count anew: then another file has an old number, and who set the alias vouches for it.
    """
    took_office = services.ledger.newest_about(model.name, TAKES_OFFICE, number)
    return str(took_office.evidence.get("artifact_digest") or "") if took_office else ""


def refuse_changed_artifact(model: Model, number: str, found: str, expected: str | None, was: str, advice: str) -> None:
    """The version's file has the digest that is expected of it; `was` says of what that is, `advice` what to do if not.

    Raises:
        ArtifactChanged: it is another one, or nobody knows which it was.
    """
    if found != expected:
        raise ArtifactChanged(
            f"{model.name} version {number}: the artifact has digest {found[:16]}, {was} was {str(expected)[:16]}. "
            f"Somebody replaced it: {advice}."
        )
