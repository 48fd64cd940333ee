"""Changing the champion: the one place that moves the alias, for promote, roll_back and reconcile.

Under the model's lock: an intent in the ledger, the alias, the outcome in the ledger. What counts is where MLflow's alias
`champion` is. The next run finds an intent without an outcome and finishes it: if the alias had moved it is completed, and if
not it is abandoned. Aliases `previous` and `anchor`, the tags that decide, and the mirror of the ledger in MLflow follow
from the ledger, so they are set again until they are right; what inference servers read does too.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from include.adapters.lock import HeldLock
from include.adapters.registry import ANCHOR, CHALLENGER, CHAMPION, PREVIOUS, ROLLED_BACK, WAS_CHAMPION
from include.champion.promoted_tags import changed_tags, promoted_tags
from include.champion.publish import publish_champion
from include.errors import ArtifactChanged, ProvingGroundError
from include.ledger.entries import Entry, fact_in
from include.ledger.state import OUTCOME, TAKES_OFFICE, EventName, Fact, State
from include.models.contract import Model
from include.request import Request
from include.results import AgainstAnchor
from include.services import Services, StepContext
from include.untrusted_text import one_line

# Of the model in MLflow: the newest entry of the ledger that is mirrored on its versions.
_MIRRORED = "ledger_mirrored"
_RECONCILE, _BY_HAND = "reconcile", "a user in MLflow"
_CHANGED = ("changed_by_hand", "tags_restored")
# Until when a late write is distinguished from a change made by hand.
_LATEST = timedelta(hours=1)


@dataclass(frozen=True)
class Subject:
    """What an entry is about: `key` names it, so that a repetition is noticed, `version` is the version concerned."""

    key: str
    version: str | None


@dataclass(frozen=True)
class Author:
    """Who caused an entry, and why."""

    by: str
    reason: str


@dataclass
class Handover:
    """A model's lock, held, with registry and ledger in agreement; `repairs` lists what had to be repaired first."""

    context: StepContext
    lock: HeldLock
    state: State
    sequence: int
    repairs: list[str] = field(default_factory=list)
    unpublished: str | None = None
    by_hand: bool = False

    @property
    def services(self) -> Services:
        """The systems outside."""
        return self.context.services

    @property
    def model(self) -> Model:
        """The model whose champion it is about."""
        return self.context.model

    def write(self, event: EventName, about: Subject, author: Author, **more: Any) -> Entry:
        """One entry in the ledger; `more` is `new`, the next champion, and `evidence`."""
        return self._append(fact(self.context.request, event, about, author, **more))

    def _append(self, fact: Fact) -> Entry:
        self.lock.renew()
        entry = self.services.ledger.append(self.model.name, fact, seen=self.sequence)
        # An event that is appended once per key may have been written long ago: its state is not ours.
        if entry.sequence > self.sequence:
            self.state, self.sequence = entry.after, entry.sequence
        return entry

    def move(self, event: EventName, about: Subject, author: Author, evidence: dict[str, Any]) -> None:
        """Make a version champion; `event` is the intent: promoting, rolling_back or restoring.

        Raises:
            Locked: the lock was lost; nothing more is written.
        """
        old, new = self.state.champion, str(about.version)
        self.write(event, about, author, new=new, evidence=evidence)
        if event == "promoting" and old:
            self._set_alias(PREVIOUS, old)
        self._set_alias(CHAMPION, new)
        self.write(OUTCOME[event], about, author, new=new, evidence=evidence)
        self.mirror()

    def mirror(self, must_publish: bool = True) -> None:
        """Make MLflow, and what is served, agree with the ledger; what is right already is not written again.

        Without `must_publish` a champion that cannot be published stops nothing: `unpublished` says why.
        """
        registry, name = self.services.registry, self.model.name
        aliases, tags = registry.overview(name)
        if not aliases and not tags:
            # The model itself was deleted: there is nothing left that could carry an alias or a tag.
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
            # The frozen reference keeps challengers from getting worse in many small steps.
            first_champion = next((old for old in self.state.were_champion if registry.exists(name, old)), self.state.champion)
            self._set_alias(ANCHOR, first_champion)
        if CHALLENGER in aliases and aliases[CHALLENGER] == self.state.champion:
            self.drop_challenger(str(self.state.champion))
        self._restore_tags()
        entries = self.services.ledger.entries(name, after=self._mirrored(tags.get(_MIRRORED, "")))
        for entry in entries:
            self._mirror_entry(entry)
            self._move_anchor(entry)
        if entries:
            self.lock.renew()
            registry.annotate_model(name, {_MIRRORED: str(entries[-1].sequence)})
        self._publish(must_publish)

    def _move_anchor(self, entry: Entry) -> None:
        """The frozen reference moves up with a proved gain over it, and back from a version that was rolled back from.

        Where that rollback is undone it moves up again.

        Once per entry, and only where it is what the entry is about: a person may choose another.
        """
        registry, name = self.services.registry, self.model.name
        if entry.champion is None or entry.champion != self.state.champion:
            return
        beaten = _against_anchor(entry)
        if entry.event == "promoted" and beaten and beaten.proved:
            leaves, to = beaten.version, entry.champion
        elif entry.event == "rolled_back" and entry.before:
            promoted = self.services.ledger.newest_about(name, "promoted", entry.before)
            before = _against_anchor(promoted) if promoted else None
            leaves, to = entry.before, before.version if before else entry.champion
        elif entry.event == "restored":
            promoted = self.services.ledger.newest_about(name, "promoted", entry.champion)
            before = _against_anchor(promoted) if promoted else None
            if before is None or not before.proved:
                return
            leaves, to = before.version, entry.champion
        else:
            return
        anchor = registry.aliased(name, ANCHOR)
        if anchor and anchor.number == leaves and registry.exists(name, to):
            self._set_alias(ANCHOR, to)

    def _restore_tags(self) -> None:
        """Give the champion the tags back that it was promoted with: runs decide by them, so a change is recorded first."""
        registry, name = self.services.registry, self.model.name
        champion = registry.champion(name)
        changed = changed_tags(champion, promoted_tags(self.services, champion)) if champion else {}
        if not champion or not changed:
            return
        shown = {tag: one_line(str(champion.tags.get(tag)), 100) for tag in changed}
        listed = "; ".join(f"{tag} was {value}, MLflow showed {shown[tag]}" for tag, value in changed.items())
        reason = f"tags of version {champion.number} were changed by hand and are restored: {listed}"
        key = f"{champion.number} {self.context.request.run_id} {json.dumps(shown, sort_keys=True)}"
        about = Subject(key, champion.number)
        self.write("tags_restored", about, Author(_BY_HAND, reason), evidence={"shown": shown})
        registry.annotate(name, champion.number, changed)
        self.by_hand = True
        self.repairs.append(reason)

    def _publish(self, must: bool) -> None:
        try:
            published = publish_champion(self.services, self.model, self.state.champion, self.lock)
        except ProvingGroundError as error:
            if must:
                raise
            published = self.unpublished = str(error)
        if published:
            self.repairs.append(published)

    def _mirrored(self, tag: str) -> int:
        """The newest entry that is mirrored; 0 where the tag holds no number of an entry, because it was changed by hand."""
        number = int(tag) if re.fullmatch("[0-9]{1,10}", tag) else 0
        if number > self.sequence:
            # The ledger is written first, so its mirror never goes further.
            self.by_hand = True
            self.repairs.append(
                f"MLflow mirrors entry {number} and the ledger ends with {self.sequence}: entries were removed, or "
                f"the tag {_MIRRORED} was changed"
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
        """One tag per entry on the version that it is about, to be read there; an intent has no outcome yet."""
        about = entry.version
        if about is None or entry.event in OUTCOME or not self.services.registry.exists(self.model.name, about):
            return
        self.lock.renew()
        line = f"{entry.at:%Y-%m-%d %H:%M} UTC, {entry.by}: {entry.reason}"[:500]
        tags = {f"ledger.{entry.sequence:06d}.{entry.event}": line}
        if entry.champion == about:
            tags[WAS_CHAMPION] = "true"
        self.services.registry.annotate(self.model.name, about, tags)
        if entry.champion == about and entry.event in ("rolled_back", "restored", "changed_by_hand"):
            self.services.registry.drop_tags(self.model.name, about, [ROLLED_BACK])
        if entry.event == "rolled_back" and entry.before and self.services.registry.exists(self.model.name, entry.before):
            self.services.registry.annotate(self.model.name, entry.before, {ROLLED_BACK: line})

    def _set_alias(self, alias: str, number: str) -> None:
        self.lock.renew()
        self.services.registry.set_alias(self.model.name, alias, number)

    def agree(self) -> None:
        """Finish what a killed run began, and record what was changed by hand."""
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
            self.repairs.append(f"a run was killed after it had made version {moving.new} champion: its record is completed")
        else:
            why = f"a run was killed before it made version {moving.new} champion"
            self.write("abandoned", Subject(moving.key, moving.new), Author(_RECONCILE, why), evidence=began.evidence)
            self.repairs.append(f"{why}: the attempt is abandoned")

    def _complete(self, began: Entry, new: str) -> None:
        """The outcome of an intent, in the name and as of the time of the run that began it, not of the one that repairs."""
        outcome = replace(fact_in(began), event=OUTCOME[began.event], version=new, new=new)
        self._append(outcome)

    def _came_late(self, now: str) -> bool:
        """Whether this is the late write of an abandoned intent: a server may still execute a timed-out request."""
        if now != self.state.written_off or not self.state.champion:
            return False
        given_up = self.services.ledger.newest_about(self.model.name, "abandoned", now)
        return given_up is not None and self.services.ledger.now() - given_up.at < _LATEST

    def _set_back(self, now: str) -> None:
        champion = str(self.state.champion)
        reason = f"version {now} became champion by a write that came after its attempt was abandoned: {champion} is restored"
        self._set_alias(CHAMPION, champion)
        self.write("set_back", Subject(f"{now} to {champion}", now), Author(_RECONCILE, reason))
        self.repairs.append(reason)

    def _record_by_hand(self, now: str | None) -> None:
        old, newest = self.state.champion, self.services.ledger.newest(self.model.name)
        first = not self.state.were_champion and self._only_answers()
        # Begun, and killed between its two entries: it is no change by hand.
        if first or newest is None or (now is not None and newest.evidence.get("then") == now):
            self._begin_ledger(now, first)
            return
        changed = f"version {now} was made champion by hand" if now else "there is no champion any more"
        reason = f"{changed}; version {old} was" if old else changed
        about, evidence = Subject(f"{old} to {now}", now or old), {"seen_before": newest.at.isoformat()}
        self.write("changed_by_hand", about, Author(_BY_HAND, reason), new=now, evidence=evidence)
        self.by_hand = True
        self.repairs.append(reason)

    def _begin_ledger(self, now: str | None, first: bool) -> None:
        """Record the champion, and the one before it, that were there before the ledger."""
        before = self.services.registry.aliased(self.model.name, PREVIOUS)
        if first and before and before.number != now:
            author = Author(_RECONCILE, "it was previous when the ledger began")
            about = Subject(f"found {before.number}", before.number)
            self.write("found", about, author, new=before.number, evidence={"then": now})
        author = Author(_RECONCILE, "it was champion when the ledger began")
        self.write("found", Subject(f"found {now}", now), author, new=now)
        self.repairs.append(f"the ledger begins: version {now} is champion")

    def _only_answers(self) -> bool:
        """Whether the ledger holds nothing but what is written without a look at the champion: comparisons and answers."""
        answers = ("compared", "approved", "rejected")
        return all(entry.event in answers for entry in self.services.ledger.entries(self.model.name))


def _against_anchor(entry: Entry) -> AgainstAnchor | None:
    beaten = entry.evidence.get("against_anchor")
    return AgainstAnchor.model_validate(beaten) if beaten else None


@contextmanager
def handover(context: StepContext, step: str) -> Iterator[Handover]:
    """The lock of a model, once registry and ledger agree.

    Raises:
        Locked: another run is changing this model's champion.
        LedgerBroken: the ledger's newest entry cannot be read.
    """
    services, name, run_id = context.services, context.model.name, context.request.run_id
    with services.locks.held(name, owner=f"{run_id}/{step}") as lock:
        newest = services.ledger.newest(name)
        state, sequence = (newest.after, newest.sequence) if newest else (State(), 0)
        begun = Handover(context, lock, state, sequence)
        # Written by an earlier try of this very run, which died before it was reported.
        begun.by_hand = newest is not None and newest.run_id == run_id and newest.event in _CHANGED
        begun.agree()
        yield begun


def fact(request: Request, event: EventName, about: Subject, author: Author, **more: Any) -> Fact:
    """What a step wants to write, in the name of its run; text from outside becomes one readable line."""
    return Fact(
        event=event,
        key=about.key,
        as_of=request.as_of,
        by=one_line(author.by, 200),
        reason=one_line(author.reason, 1000),
        run_id=request.run_id,
        version=about.version,
        **more,
    )


def promoted_digest(services: Services, model: Model, number: str) -> str:
    """Digest of the file with which a version last took office; empty where it was made champion by hand.

    A registry that was lost begins to count anew: then another file has an old number, and the user who set the alias vouches
    for it.
    """
    took_office = services.ledger.newest_about(model.name, TAKES_OFFICE, number)
    return str(took_office.evidence.get("artifact_digest") or "") if took_office else ""


@dataclass(frozen=True)
class ExpectedArtifact:
    """The digest a version's file must have: `was` says since when ("validated"), `advice` what to do if it is another."""

    version: str
    digest: str | None
    was: str
    advice: str


def refuse_changed_artifact(model: Model, digest: str, expected: ExpectedArtifact) -> None:
    """The version's file has the digest that is expected of it.

    Raises:
        ArtifactChanged: it is another one, or the expected one is unknown.
    """
    if digest != expected.digest:
        raise ArtifactChanged(
            f"{model.name} version {expected.version}: the artifact has digest {digest[:16]}, the {expected.was} one "
            f"had {str(expected.digest)[:16]}. It was replaced: {expected.advice}."
        )
