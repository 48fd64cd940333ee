"""The loop as it is played without a scheduler: a world that turns is learned again, and no person is needed for it."""

from dataclasses import replace

from bench.in_process import Week, play
from include.decisions.data.labels import labels_of
from include.decisions.scoring.answering import predict
from include.decisions.scoring.metrics import primary_metric
from include.models.contract import Candidate, Refresh
from tests.toy import World, build, changed, day

TURNED, LAST = 12, 21
LOOPING = replace(
    changed(when="it pays", probation=None),
    candidates=(Candidate(build, name="all_history"), Candidate(build, name="recent", train_periods=2)),
    refresh=Refresh(),
    min_train_periods=4,
)


def played(world: World) -> list[Week]:
    """A check a day from the first champion on; the answers turn round on a day."""
    for number in range(8):
        world.deliver_day(number)
    weeks = [play(world.services, world.model, day(9))]
    for number in range(8, LAST):
        world.deliver_day(number, turned=number >= TURNED)
        weeks.append(play(world.services, world.model, day(number + 1)))
    return weeks


def test_a_world_that_turned_is_learned_again_within_days() -> None:
    """Retrained as it pays, on the short window: nine days later the champion is right again, whatever is promoted meanwhile.

    A challenger that is a little better, and as wrong, may pass before: its hold-out is what the next one has to wait for.
    """
    world = World(model=LOOPING)
    weeks = played(world)
    routine = [week for week in weeks if week.finding.routine]
    assert routine, [week.finding.reason for week in weeks]
    assert all(week.finding.reason.startswith("a fresh model may pay") for week in routine)
    champion = world.services.registry.champion("toy")
    assert champion is not None
    assert champion.tags["candidate"] == "recent"
    rows = world.services.lake.rows(LOOPING, day(LAST - 1), day(LAST))
    answers = predict(LOOPING, world.registry.load(LOOPING, champion.number), rows)
    value, _ = primary_metric(LOOPING).estimate(labels_of(LOOPING, rows), answers)
    assert value > 0.8
    promoted = [week for week in weeks if week.promotion and week.promotion.promoted]
    assert 2 <= len(promoted) <= len([week for week in weeks if week.verdict]) / 2 + 1
