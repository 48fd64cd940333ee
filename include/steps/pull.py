"""Pull: find what upstream delivered since the last run that finished.

In: the landing bucket. Out: a batch, which pins each file to the bytes that were listed.
There is no watermark time that a late file could slip under: a file is new until an intake record says that it is done.
Stops when a file's name ends in nothing readable. Safe to run again: it writes nothing.
"""

from include.adapters.lake import file_id
from include.models.contract import Model
from include.request import Request
from include.results import Batch
from include.services import Services

IF_IT_FAILS = "Nothing was taken in; the champion is unchanged, and the next run finds the same files."


def run(services: Services, model: Model, request: Request) -> Batch:
    """The files that no earlier run has finished."""
    done = services.lake.finished_files(model.name)
    new = tuple(file for file in services.landing.files(model.name) if file_id(file) not in done)
    return Batch(files=new, summary=f"{len(new)} new files" + (f", the first is {new[0].key}" if new else ""))
