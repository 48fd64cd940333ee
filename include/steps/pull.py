"""Pull: find what upstream delivered since the last run that finished.

In: the landing bucket. Out: a batch, which pins each file to the bytes that were listed.
There is no watermark time that a late file could slip under: a file is new until an intake record marks it as done. What a
run took in before it died belongs to the next batch as well: it is taken in once, and counted by the run that finishes.
Stops when a file's name has an ending that cannot be read. Safe to run again: it writes nothing.
"""

from include.adapters.lake import file_id
from include.results import Batch
from include.services import StepContext

IF_IT_FAILS = "Nothing was taken in; the champion is unchanged, and the next run finds the same files."


def run(context: StepContext) -> Batch:
    """The files that no earlier run has finished.

    Raises:
        LayoutChanged: the model's file reads deliveries otherwise than those in the lake were taken in.
    """
    services, name = context.services, context.model.name
    services.lake.require_layout(context.model)
    done = services.lake.finished_files(name) - services.lake.uncounted_files(name)
    new = tuple(file for file in services.landing.files(name) if file_id(file) not in done)
    return Batch(files=new, summary=f"{len(new)} new files" + (f", the first is {new[0].key}" if new else ""))
