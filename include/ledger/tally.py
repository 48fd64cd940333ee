"""What a ledger adds up to in numbers, kept beside its newest state so that a page or a metric need not read it all. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from include.ledger.entries import Entry, State

# Entries that say what the gate found. An intent says it too, and may be written twice.
_JUDGED = ("promoted", "refused")


@dataclass(frozen=True)
class Tally:
    """The first `sequence` entries of a ledger: how many say what, the state after them, and since when it is like that.

    `events` counts entries by their event, `verdicts` judgements of the gate by their word. `champion_since` is when the
    present champion took office and `moving_since` when a promotion or rollback began that has no outcome yet; both are None
    where there is none.
    """

    sequence: int = 0
    events: Mapping[str, int] = field(default_factory=dict, hash=False)
    verdicts: Mapping[str, int] = field(default_factory=dict, hash=False)
    state: State = field(default_factory=State)
    champion_since: datetime | None = None
    moving_since: datetime | None = None

    def counting(self, entries: Iterable[Entry]) -> "Tally":
        """The tally after the entries that follow; those that it has counted already are left out.

        Raises:
            ValueError: an entry between them is missing.
        """
        tally = self
        for entry in entries:
            if entry.sequence > tally.sequence:
                tally = tally._and(entry)
        return tally

    def _and(self, entry: Entry) -> "Tally":
        if entry.sequence != self.sequence + 1:
            raise ValueError(f"entry {entry.sequence} does not follow entry {self.sequence}")
        judged = str(entry.evidence.get("verdict", "")) if entry.event in _JUDGED else ""
        same = entry.after.champion == self.state.champion
        return Tally(
            entry.sequence,
            Counter(self.events) + Counter([entry.event]),
            Counter(self.verdicts) + Counter([judged] if judged else []),
            entry.after,
            (self.champion_since if same else entry.at) if entry.after.champion else None,
            (self.moving_since or entry.at) if entry.after.moving else None,
        )

    def as_json(self) -> dict[str, Any]:
        """A document of plain values, for `from_json`."""
        times = {name: value.isoformat() if value else None for name, value in self._times().items()}
        counts = {"sequence": self.sequence, "events": dict(self.events), "verdicts": dict(self.verdicts)}
        return counts | times | {"state": asdict(self.state)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Tally":
        """The tally that `as_json` wrote, on its way through JSON too."""
        times = {name: document[name] for name in ("champion_since", "moving_since")}
        return cls(
            document["sequence"],
            document["events"],
            document["verdicts"],
            State.from_json(document["state"]),
            **{name: datetime.fromisoformat(value) if value else None for name, value in times.items()},
        )

    def _times(self) -> dict[str, datetime | None]:
        return {"champion_since": self.champion_since, "moving_since": self.moving_since}
