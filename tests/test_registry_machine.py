"""The registry against a simple model of it: promotions, refusals, rollbacks, hands and deaths, in any order."""

from contextlib import suppress
from importlib import import_module
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from include.champion.handover import Author, Subject, fact
from include.errors import ChampionMoved, NoSuchTarget, ProvingGroundError
from include.request import Request
from include.results import Approval, Verdict, VerifiedTarget
from include.services import StepContext
from tests.crashing import Process, dying
from tests.toy import World, day, fitted

FAULTS = st.tuples(
    st.sampled_from(["none", "dies_before", "dies_after", "cut_off_at"]), st.integers(1, 40) | st.integers(12, 24)
)
WORDS = st.sampled_from(["promote", "promote", "promote", "inconclusive", "keep", "blocked"])
ANSWERS = st.sampled_from(["gate", "gate", "gate", "override", "no", "stale"])


class Registry(RuleBasedStateMachine):
    """What is promised, in a few lines: `champion`, whom each replaced, who ever was, and who failed."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.pipeline = fitted()
        self.verdicts: list[Verdict] = []
        self.champion: str | None = None
        self.way_back: list[str] = []
        self.were: list[str] = []
        self.failed: set[str] = set()
        self.went_back_from: str | None = None
        self.by_gate: set[str] = set()
        self.runs = 0

    # The simple model

    def replaced_by(self, new: str | None) -> None:
        self.way_back += [self.champion] if self.champion else []
        self.takes(new)

    def back_to(self, new: str) -> None:
        if new in self.way_back:
            self.way_back = self.way_back[: self.way_back.index(new)]
            self.takes(new)
        else:
            self.replaced_by(new)

    def takes(self, new: str | None) -> None:
        self.champion, self.went_back_from = new, None
        self.were += [new] if new and new not in self.were else []
        self.failed.discard(str(new))

    @property
    def default_target(self) -> str | None:
        return next((v for v in reversed(self.way_back) if v not in self.failed and v != self.champion), None)

    # What people and runs do

    @initialize()
    def first_champion(self) -> None:
        self.judge("promote")
        self.promote(self.verdicts[0], "gate", ("none", 1))

    @rule(word=WORDS)
    def judge(self, word: Any) -> None:
        """A new version is compared with the version that is champion in MLflow now; its run waits."""
        version, champion = self.world.registry.add(self.pipeline, {}).number, self.world.registry.aliases.get("champion")
        self.verdicts.append(
            Verdict(
                verdict=word,
                reasons=(f"judgement {len(self.verdicts)}",),
                version=version,
                artifact_digest=f"digest-of-{version}",
                champion_version=champion,
            )
        )

    @rule(word=WORDS, who=ANSWERS, fault=FAULTS)
    def challenge(self, word: Any, who: str, fault: tuple[str, int]) -> None:
        """A whole retraining."""
        self.judge(word)
        self.promote(self.verdicts[-1], who, fault)

    @rule(age=st.integers(0, 4), who=ANSWERS, fault=FAULTS)
    def clear(self, age: int, who: str, fault: tuple[str, int]) -> None:
        """The task of a run that waits, or of one of last month, runs now."""
        self.promote(self.verdicts[max(0, len(self.verdicts) - 1 - age)], who, fault)

    def promote(self, verdict: Verdict, who: str, fault: tuple[str, int]) -> None:
        approval = Approval(
            approved=who != "no",
            by=who,
            override=who == "override",
            evidence="of something else" if who == "stale" else verdict.evidence,
        )
        if who == "override":
            request = Request(as_of=day(1), reason="", run_id="review")
            approval_given = fact(request, "approved", Subject(verdict.evidence, verdict.version), Author(who, "r"))
            self.world.services.ledger.append("toy", approval_given)
        self.do("promote", f"retrain {self.verdicts.index(verdict)}", fault, verdict=verdict, approval=approval)
        self.model_promote(verdict, who)

    def model_promote(self, verdict: Verdict, who: str) -> None:
        allowed = verdict.verdict == "promote" and who not in ("no", "stale")
        allowed = allowed or (verdict.verdict == "inconclusive" and who == "override" and verdict.champion_version is not None)
        if allowed and verdict.champion_version == self.champion and verdict.version not in self.were:
            self.by_gate.add(str(verdict.version))
            self.replaced_by(verdict.version)

    @rule(named=st.sampled_from([None, None, "1", "2", "3", "99"]), override=st.booleans(), dry=st.booleans(), fault=FAULTS)
    def roll_back(self, named: str | None, override: bool, dry: bool, fault: tuple[str, int]) -> None:
        """By the form, with and without a target."""
        wanted = named or self.default_target
        allowed = wanted in self.were and wanted != self.champion and (wanted not in self.failed or override)
        asked = {"target": named, "override": override, "dry_run": dry}
        verified_target: VerifiedTarget | None = None
        try:
            verified_target = self.step("verify_target", "rollback", self.world.services, **asked)
        except NoSuchTarget:
            assert not allowed
        if verified_target is None:
            return
        assert allowed
        assert verified_target.target == wanted
        self.do("roll_back", f"rollback {self.runs}", fault, asked, verified=verified_target)
        if not dry:
            failed, target_now = self.champion, verified_target.target
            self.back_to(target_now)
            self.failed |= {failed} if failed else set()
            self.went_back_from = failed

    @rule(fault=FAULTS)
    def undo(self, fault: tuple[str, int]) -> None:
        """By the form: only where the champion came by a rollback."""
        verified_target: VerifiedTarget | None = None
        try:
            verified_target = self.step("verify_target", "rollback", self.world.services, undo=True)
        except NoSuchTarget:
            assert self.went_back_from is None
        if verified_target is None:
            return
        assert verified_target.target == self.went_back_from
        self.do("roll_back", f"rollback {self.runs}", fault, {"undo": True}, verified=verified_target)
        self.back_to(verified_target.target)

    @rule(number=st.sampled_from(["1", "2", "3", "none"]))
    def by_hand(self, number: str) -> None:
        """A person moves or removes the alias in MLflow's page, and the next run of the monitor notices."""
        if number == "none":
            self.world.registry.aliases.pop("champion", None)
        elif number in self.world.registry.versions:
            self.world.registry.aliases["champion"] = number
        now = self.world.registry.aliases.get("champion")
        found = self.step("reconcile", "monitor", self.world.services)
        assert found.by_hand == (now != self.champion)
        if now is None and self.champion:
            self.replaced_by(None)
        elif now is not None and now != self.champion:
            self.back_to(now)

    @rule()
    def monitor(self) -> None:
        assert not self.step("reconcile", "monitor", self.world.services).by_hand

    # How a step is run

    def do(self, name: str, run_id: str, fault: tuple[str, int], asked: dict[str, Any] | None = None, **inputs: Any) -> None:
        """Once with a fault, and once more as Airflow does; a refusal by an error is a refusal."""
        self.runs += 1
        how, at = fault
        if how != "none":
            with dying(), suppress(ProvingGroundError):
                process = Process(**{how: at})  # type: ignore[arg-type]
                self.step(name, run_id, process.within(self.world.services, self.world.lake), **(asked or {}), **inputs)
        with suppress(ChampionMoved):
            self.step(name, run_id, self.world.services, **(asked or {}), **inputs)

    def step(self, name: str, run_id: str, services: Any, **more: Any) -> Any:
        if run_id == "monitor":
            # Each check is a run of its own.
            self.runs += 1
            run_id = f"monitor {self.runs}"
        asked = {key: more.pop(key) for key in ("target", "override", "dry_run", "undo") if key in more}
        request = Request(as_of=day(1), reason="r", run_id=run_id, reason_given=True, asked_by="carol", **asked)
        return import_module(f"include.steps.{name}").run(StepContext(services, self.world.model, request), **more)

    # What holds at every moment

    @invariant()
    def registry_ledger_and_model_agree(self) -> None:
        entries = self.world.services.ledger.proved("toy")
        state = entries[-1].after if entries else None
        assert (state.champion if state else None) == self.champion
        assert self.world.registry.aliases.get("champion") == self.champion
        if state:
            assert state.moving is None
            assert list(state.lineage) == self.way_back
            assert state.previous == self.default_target == self.world.registry.aliases.get("previous")
            assert set(state.rolled_back) == self.failed
            assert list(state.were_champion) == self.were

    @invariant()
    def nothing_was_promoted_without_a_verdict(self) -> None:
        for entry in self.world.services.ledger.entries("toy"):
            if entry.event == "promoted":
                assert entry.version in self.by_gate
                assert entry.evidence["verdict"] == "promote" or entry.evidence["overridden"] == "inconclusive"


TestRegistry = Registry.TestCase
TestRegistry.settings = settings(max_examples=50, stateful_step_count=30, suppress_health_check=list(HealthCheck))
