"""Review: who may say yes, to what, for how long, and what is kept of it."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from include.adapters.registry import card_path
from include.errors import RegistryUnreachable
from include.ledger.entries import Entry
from include.results import Answer, Approval, Verdict
from include.services import Services
from tests.fakes import Crash
from tests.toy import MODEL, World, changed, day

HOSTILE = "<script>alert(1)</script>\n\u202e| ![x](http://evil.example) \x00" + "x" * 100_000
ANSWERED = datetime(2024, 3, 1, 12, tzinfo=UTC)
Where = Literal["orchestrator", "registry"]


class UnderReview(World):
    """Version 1 is champion, version 2 was judged, and its card is kept."""

    def __init__(
        self, word: str = "promote", where: str = "orchestrator", champion: str | None = "1", **settings: Any
    ) -> None:
        super().__init__(model=changed(MODEL, where=where, **settings))
        self.switched: dict[str, str] = {}
        for number in ("1", "2"):
            self.registry.add(None, {})
            self.registry.descriptions[number] = f"## THE CARD of {number}"
        if champion:
            self.registry.set_alias("toy", "champion", champion)
        self.verdict = self.judged(word, champion)

    @property
    def services(self) -> Services:
        """As a step gets them, with what the environment says about reviews."""
        found = super().services
        return replace(found, settings=found.settings.model_copy(update={"review": self.switched}))

    def judged(self, word: str, champion: str | None = "1", **changes: Any) -> Verdict:
        """The newest verdict on version 2, as validate leaves it."""
        fields = {
            "verdict": word,
            "reasons": ("because",),
            "version": "2",
            "artifact_digest": "digest-of-2",
            "summary": f"{word}!",
        }
        verdict = Verdict.model_validate(fields | {"champion_version": champion} | changes)
        self.registry.annotate("toy", "2", {"evidence": verdict.evidence})
        self.registry.log_report("run-2", card_path(verdict.evidence), "## THE CARD of 2")
        return verdict

    def review(self, answer: Answer | None = None, verdict: Verdict | None = None) -> Approval:
        """Perform the step."""
        given: dict[str, Any] = {"answer": answer} if answer else {}
        approval: Approval = self.do("review", day(1), verdict=verdict or self.verdict, **given)
        return approval

    def set(self, **tags: str) -> None:
        """What a person sets by hand on version 2."""
        self.registry.annotate("toy", "2", tags)

    @property
    def tags(self) -> dict[str, str]:
        return self.registry.versions["2"].tags

    def written(self) -> list[Entry]:
        """The whole ledger."""
        return self.services.ledger.proved("toy")


def yes(why: str = "it is better", by: str = "alice") -> Answer:
    return Answer(decision="approve", by=by, why=why, at=ANSWERED)


def no(why: str = "not this week", by: str = "bob") -> Answer:
    return Answer(decision="reject", by=by, why=why, at=ANSWERED)


SILENCE = Answer(decision=None)


@pytest.mark.parametrize(
    ("word", "approved"), [("promote", True), ("keep", False), ("inconclusive", False), ("blocked", False)]
)
def test_without_a_review_only_the_verdict_promote_is_approved(word: str, approved: bool) -> None:
    """No answer, no evidence and a lost comparison all mean no; who decided is recorded."""
    approval = UnderReview(word, "none").review()
    assert (approval.approved, approval.by, approval.question) == (approved, "the gate", None)


@pytest.mark.parametrize("where", ["orchestrator", "registry"])
@pytest.mark.parametrize(("word", "champion"), [("blocked", "1"), ("keep", "1"), ("inconclusive", None), ("blocked", None)])
def test_no_person_overrides_what_was_blocked_lost_or_a_first_champion(where: Where, word: str, champion: str | None) -> None:
    """No reviewer is asked, and an answer given all the same is ignored."""
    world = UnderReview(word, where, champion)
    world.set(review=f"approve-{world.verdict.evidence[:12]}", review_by="alice", review_reason="please")
    for approval in (world.review(), world.review(yes())):
        assert (approval.approved, approval.by, approval.question) == (False, "the gate", None)
    assert world.written() == []


def test_a_setting_switches_review_on_without_code() -> None:
    """PROVING_GROUND_REVIEW goes before what the model's file says."""
    world = UnderReview(where="none")
    world.switched = {"toy": "orchestrator"}
    assert world.review().question is not None
    world = UnderReview(where="orchestrator")
    world.switched = {"toy": "none"}
    assert world.review().approved


def test_the_question_holds_all_that_is_needed_to_decide() -> None:
    """The card, what either answer does, until when, the page to answer on; nothing has been approved yet."""
    world = UnderReview(within=timedelta(hours=5))
    approval = world.review()
    question = approval.question
    assert question is not None
    assert not approval.approved
    assert (question.where, question.evidence, question.version) == ("orchestrator", world.verdict.evidence, "2")
    assert question.body.endswith("## THE CARD of 2")
    assert question.url == "http://127.0.0.1:8080/dags/toy.review/runs/run/required_actions"
    assert abs(question.until - datetime.now(UTC) - timedelta(hours=5)) < timedelta(minutes=1)
    assert world.written() == []


def test_asking_again_does_not_make_the_time_longer() -> None:
    """A task that is tried again asks until the same time; after it is over, a person who clears the task starts a new one."""
    world = UnderReview()
    first = world.review().question
    assert first == world.review().question
    world.set(review_asked=f"2001-01-01T00:00:00+00:00 about {world.verdict.evidence[:12]}")
    again = world.review().question
    assert first is not None
    assert again is not None
    assert again.until > first.until


def test_a_tag_cannot_extend_the_time_that_the_model_allows() -> None:
    """Anyone may change the tag with the time limit in MLflow; that keeps no retraining waiting for ever."""
    world = UnderReview()
    first = world.review().question
    assert first is not None
    world.set(review_asked=f"9999-12-31T00:00:00+00:00 about {first.evidence[:12]}")
    again = world.review().question
    assert again is not None
    assert again.until <= datetime.now(UTC) + MODEL.review.within


@pytest.mark.parametrize("word", ["promote", "inconclusive"])
def test_an_approval_is_kept_with_who_when_and_why(word: str) -> None:
    """In the ledger, bound to its evidence, and on the version; what goes beyond the gate is recorded as an override."""
    world = UnderReview(word)
    world.review()
    approval = world.review(yes())
    assert (approval.approved, approval.by, approval.why, approval.at) == (True, "alice", "it is better", ANSWERED)
    assert (approval.evidence, approval.override) == (world.verdict.evidence, word == "inconclusive")
    (entry,) = world.written()
    assert (entry.event, entry.key, entry.by, entry.reason) == ("approved", approval.evidence, "alice", "it is better")
    assert entry.evidence["answered_at"] == ANSWERED.isoformat()
    assert entry.evidence["holdout_digest"] == world.verdict.holdout_digest
    assert entry.evidence.get("overridden") == ("inconclusive" if approval.override else None)
    assert world.tags["reviewed"].startswith("2024-03-01 12:00 UTC, approved by alice")
    assert "review_asked" not in world.tags


@pytest.mark.parametrize("word", ["promote", "inconclusive"])
def test_a_rejection_is_kept_with_who_when_and_why(word: str) -> None:
    """The champion stays, and promote refuses in the reviewer's name."""
    world = UnderReview(word)
    approval = world.review(no())
    assert (approval.approved, approval.by, approval.summary) == (False, "bob", "rejected by bob: not this week")
    (entry,) = world.written()
    assert (entry.event, entry.by, entry.reason, entry.evidence["answered_at"]) == (
        "rejected",
        "bob",
        "not this week",
        ANSWERED.isoformat(),
    )


def test_a_rejection_needs_no_reason() -> None:
    """Who cannot say why may still say no, and that none was given is kept."""
    approval = UnderReview().review(no(why=""))
    assert approval.summary == "rejected by bob: no reason given"


@pytest.mark.parametrize("where", ["orchestrator", "registry"])
def test_no_answer_means_no(where: Where) -> None:
    """It is recorded without a person's name, and a later run may ask again."""
    world = UnderReview(where=where)
    world.review()
    approval = world.review(SILENCE)
    assert (approval.approved, approval.by) == (False, "no one")
    assert approval.summary == "no answer in time, and no answer means no"
    (entry,) = world.written()
    assert (entry.event, entry.by) == ("rejected", "no one")
    assert world.review().question is not None


def test_an_override_needs_a_reason() -> None:
    """Approving what the gate found inconclusive without saying why does not count; nothing is approved in the ledger."""
    world = UnderReview("inconclusive")
    approval = world.review(yes(why=" \n"))
    assert not approval.approved
    assert approval.summary.startswith("approved by alice without a reason")
    assert world.written() == []


@pytest.mark.parametrize("answer", [yes(), None])
@pytest.mark.parametrize(
    ("change", "summary"),
    [
        (
            lambda world: world.registry.aliases.update(champion="3"),
            "the champion is version 3, it was compared with version 1",
        ),
        (lambda world: world.registry.aliases.pop("champion"), "the champion is none"),
        (lambda world: world.registry.tamper("2"), "the artifact of version 2 has digest tampered"),
        (lambda world: world.judged("promote", holdout_digest="other"), "version 2 was judged again"),
        (lambda world: world.judged("inconclusive"), "version 2 was judged again"),
        (lambda world: world.registry.versions.pop("2"), "version 2 is gone"),
    ],
)
def test_an_approval_is_void_if_anything_moved(change: Any, summary: str, answer: Answer | None) -> None:
    """Champion, artifact or judgement: it says what changed, nothing is approved, and no outdated question is asked."""
    world = UnderReview()
    world.registry.add(None, {})
    world.review()
    change(world)
    approval = world.review(answer)
    assert (approval.approved, approval.question) == (False, None)
    assert "void" in approval.summary
    assert summary in approval.summary
    assert world.written() == []


def test_an_answer_on_a_page_that_showed_something_else_is_void() -> None:
    """After a task was cleared, Airflow shows the question of its first try: a yes to that is no yes to this."""
    world = UnderReview()
    world.review()
    approval = world.review(yes().model_copy(update={"evidence": "ffffffffffff"}))
    assert not approval.approved
    assert "void: the page showed the evidence ffffffffffff" in approval.summary
    assert world.written() == []
    assert world.review(yes().model_copy(update={"evidence": world.verdict.evidence[:12]})).approved


def test_a_reviewer_is_asked_only_once_about_the_same_evidence() -> None:
    """A person's decision stands when the task is run again, and also for another run that comes to the same judgement."""
    for answer in (yes(), no()):
        world = UnderReview()
        first = world.review(answer)
        assert world.review() == first
        assert world.review(SILENCE) == first
        assert len(world.written()) == 1


def test_an_answer_about_other_evidence_does_not_count() -> None:
    """A judgement that differs in anything is asked about anew."""
    world = UnderReview()
    world.review(yes())
    assert world.review(verdict=world.judged("promote", holdout_digest="newer")).question is not None


@pytest.mark.parametrize("answer", [yes(), no()])
def test_an_answer_to_a_card_of_before_is_void(answer: Answer) -> None:
    """Judged again while a reviewer read the first card: an answer to that one does not count for the second."""
    world = UnderReview()
    question = world.review().question
    assert question is not None
    newer = world.judged("promote", holdout_digest="newer")
    shown, asked = question.evidence[:12], newer.evidence[:12]
    approval = world.review(answer.model_copy(update={"evidence": shown}), verdict=newer)
    assert not approval.approved
    assert f"is void: the page showed the evidence {shown}, the question is about {asked}" in approval.summary
    assert world.written() == []


@pytest.mark.parametrize("where", ["orchestrator", "registry"])
def test_killed_at_any_write_it_ends_the_same(where: Where) -> None:
    """The rerun finds the decision, and writes it on the version."""
    for write in range(1, 4):
        world = UnderReview(where=where)
        world.review()
        world.registry.crash_at = write
        with suppress(Crash):
            world.review(yes())
        world.registry.crash_at = None
        assert world.review(yes()).approved
        assert [entry.event for entry in world.written()] == ["approved"]
        assert "review_asked" not in world.tags


def test_an_outage_decides_nothing() -> None:
    """Neither yes nor no: the task is tried again."""
    world = UnderReview()
    world.registry.down = True
    with pytest.raises(RegistryUnreachable):
        world.review(yes())
    assert world.written() == []


def test_text_from_people_stays_text() -> None:
    """A reason of any length with anything in it is cut to one line, in ledger, tag and approval."""
    world = UnderReview()
    approval = world.review(yes(why=HOSTILE, by=HOSTILE))
    assert approval.approved
    for text in (approval.by, approval.why, approval.summary, world.tags["reviewed"], world.written()[0].reason):
        assert len(text) < 1000
        assert not {"\n", "\u202e", "\x00"} & set(text)


# In MLflow's page


def in_registry(word: str = "promote", **settings: Any) -> UnderReview:
    world = UnderReview(word, "registry", **settings)
    world.review()
    return world


def test_the_page_in_mlflow_says_what_to_set() -> None:
    """In front of the card stand the tags, letter for letter, and a tag says until when."""
    world = in_registry()
    question, described = world.review().question, world.registry.descriptions["2"]
    assert question is not None
    assert question.url == "http://registry.example/toy/2"
    assert described.startswith("## Your review")
    assert f"`approve-{question.evidence[:12]}` or `reject-{question.evidence[:12]}`" in described
    assert described.endswith("## THE CARD of 2")
    assert world.tags["review_asked"] == f"{question.until.isoformat()} about {question.evidence[:12]}"


@pytest.mark.parametrize(("word", "approved"), [("approve", True), ("reject", False)])
def test_tags_in_mlflow_answer_a_review(word: str, approved: bool) -> None:
    """They count once all are there; afterwards the page is the card again and the tags say what came of it."""
    world = in_registry("inconclusive")
    evidence = world.verdict.evidence
    world.set(review=f"{word}-{evidence[:12]}", review_by="alice", review_reason="trucks")
    approval = world.review()
    assert (approval.approved, approval.by, approval.why, approval.override) == (approved, "alice", "trucks", approved)
    assert [entry.event for entry in world.written()] == ["approved" if approved else "rejected"]
    assert world.registry.descriptions["2"] == "## THE CARD of 2"
    assert " by alice" in world.tags["reviewed"]


def test_tags_that_came_at_the_last_moment_count() -> None:
    """When the time is over, MLflow is asked once more."""
    world = in_registry()
    world.set(review=f"approve-{world.verdict.evidence[:12]}", review_by="alice")
    assert world.review(SILENCE).approved


@pytest.mark.parametrize(
    ("tags", "summary"),
    [
        ({"review": "approve-ffffffffffff", "review_by": "alice"}, "void: approve-ffffffffffff is for other evidence"),
        ({"review": "OK", "review_by": "alice"}, "not counted: review is OK"),
        ({"review": "approve"}, "not counted: review is approve"),
    ],
)
def test_wrong_tags_are_reported_and_the_review_goes_on_waiting(tags: dict[str, str], summary: str) -> None:
    """The reviewer can correct them until the time is over; then it is no answer."""
    world = in_registry()
    world.set(**tags)
    assert world.review().question is not None
    assert world.tags["reviewed"].startswith(summary)
    assert world.review(SILENCE).by == "no one"


def test_tags_of_an_earlier_question_are_no_answer() -> None:
    """A version that is judged again is asked about anew: no reviewer's name stands under an unseen card."""
    world = in_registry()
    world.set(review=f"approve-{world.verdict.evidence[:12]}", review_by="alice", review_reason="better")
    again = world.judged("promote", holdout_digest="newer")
    approval = world.review(verdict=again)
    assert approval.question is not None
    assert not {"review", "review_by", "review_reason"} & set(world.tags)


def test_tags_that_were_void_do_not_come_to_life() -> None:
    """The champion moved when alice approved, and is back: she is asked again."""
    world = in_registry()
    world.set(review=f"approve-{world.verdict.evidence[:12]}", review_by="alice")
    world.registry.add(None, {})
    world.registry.aliases["champion"] = "3"
    assert "void" in world.review().summary
    world.registry.aliases["champion"] = "1"
    assert world.review().question is not None


def test_only_reviewers_count() -> None:
    """MLflow without users knows no names, so a name that is none of the reviewers' is reported, not believed."""
    world = in_registry(reviewers=("alice",))
    world.set(review=f"approve-{world.verdict.evidence[:12]}", review_by="eve")
    assert world.review().question is not None
    assert "eve is none of the reviewers" in world.tags["reviewed"]


def test_hostile_tags_do_no_harm() -> None:
    """The value of any tag is cut to one line before it goes anywhere."""
    world = in_registry()
    world.set(review=f"approve-{world.verdict.evidence[:12]}", review_by=HOSTILE, review_reason=HOSTILE)
    approval = world.review()
    assert approval.approved
    assert len(approval.by) <= 100
    assert not {"\n", "\u202e", "\x00"} & set(approval.by + approval.why + world.tags["reviewed"])
