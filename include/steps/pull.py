"""Pull: find what upstream delivered since the last run that finished; where the source is a database, fetch it first.

In: the source, and the landing bucket. Out: a batch, which pins each file to the bytes that were listed.
There is no watermark time that a late file could slip under: a file is new until an intake record marks it as done. What a
run took in before it died belongs to the next batch as well: it is taken in once, and counted by the run that finishes.
Stops when a file's name has an ending that cannot be read, or when the source refuses. Safe to run again: what was fetched
is a delivery in landing, and the next run goes on behind it.
"""

from include.adapters.lake import file_id
from include.adapters.pulling import Order, Pulled
from include.errors import SourceDenied
from include.results import Batch
from include.services import StepContext

IF_IT_FAILS = "Nothing was taken in; the champion is unchanged, and the next run finds the same files."
_PULLED = (
    "Nothing was taken in; the champion is unchanged. Rows that the source gave before are deliveries in landing: the next "
    "run takes them in, and goes on behind them."
)
STATE_AFTER = dict.fromkeys(("SourceUnreachable", "SourceDenied", "SourceRefused"), _PULLED)


def run(context: StepContext) -> Batch:
    """The files that no earlier run has finished.

    Raises:
        LayoutChanged: the model's file reads deliveries otherwise than those in the lake were taken in.
        SourceError: the source gave no answer, or refused.
        BrokenFeed: so many rows are gone in the source that it is more likely the wrong one.
    """
    services, name = context.services, context.model.name
    services.lake.require_layout(context.model)
    pulled = _pulled(context)
    done = services.lake.finished_files(name) - services.lake.uncounted_files(name)
    new = tuple(file for file in services.landing.files(name) if file_id(file) not in done)
    files = f"{len(new)} new files" + (f", the first is {new[0].key}" if new else "")
    return Batch(files=new, summary="; ".join([*filter(None, (one.in_words for one in pulled)), files]))


def _pulled(context: StepContext) -> list[Pulled]:
    model, request = context.model, context.request
    if not model.source.streams:
        return []
    if context.services.pulls is None:
        raise SourceDenied(f"{model.name} has a source to pull from, and nothing here can reach it. Run it in the pipeline.")
    owner = f"{request.run_id}/pull"
    return context.services.pulls.pull(Order(model.source, model.problem, request.as_of, owner, model.feed.max_bad_share))
