"""The models: every file in this folder that defines MODEL is one. There is no list to edit.

Files whose names begin with _ and folders are what models share: helpers of the team's own. Each model is found by itself: a
file that cannot be used costs its own model, and no other.
"""

import sys
from importlib import import_module
from pathlib import Path

from include.errors import ModelError
from include.models.contract import Model

_NOT_MODELS = {"__init__", "contract"}
_LONGEST_OWNER = 100
# By model, what its file was when it was imported: (time of the change in nanoseconds, bytes).
_imported: dict[str, tuple[int, int]] = {}


def all_models() -> list[Model]:
    """Every model whose file can be used, by name; `broken_models` has the others."""
    return [found for found in map(_found, model_names()) if isinstance(found, Model)]


def broken_models() -> dict[str, str]:
    """By name, why a model's file cannot be used, and what to do: one sentence each."""
    found = {name: _found(name) for name in model_names()}
    return {name: str(fault) for name, fault in found.items() if isinstance(fault, ModelError)}


def model_names() -> list[str]:
    """The name of every model, without importing any."""
    files = (file.stem for file in Path(__file__).parent.glob("*.py"))
    return sorted(stem for stem in files if stem not in _NOT_MODELS and not stem.startswith("_"))


def find_model(name: str) -> Model:
    """The model of that name; no other model's file is looked into.

    Raises:
        ModelError: there is none (the message lists those that exist), or its file cannot be used.
    """
    if name not in model_names():
        raise ModelError(
            f"model {name!r} does not exist; there are: {', '.join(model_names())}. Add include/models/{name}.py."
        )
    return _model_in(name)


def _found(name: str) -> Model | ModelError:
    try:
        return _model_in(name)
    except ModelError as fault:
        return fault


def _model_in(stem: str) -> Model:
    _forget_if_changed(stem)
    try:
        model = getattr(import_module(f"include.models.{stem}"), "MODEL", None)
    except ModelError:
        raise
    # A file that ends the interpreter costs its own model, too.
    except (Exception, SystemExit) as error:
        raise ModelError(
            f"include/models/{stem}.py cannot be imported: {type(error).__name__}: {error}. Correct it."
        ) from error
    if not isinstance(model, Model):
        raise ModelError(
            f"include/models/{stem}.py defines no MODEL: end it with MODEL = Model(...), see contract.py. If it is a helper, "
            f"call it _{stem}.py."
        )
    if model.name != stem:
        raise ModelError(
            f"include/models/{stem}.py defines a model named {model.name!r}: name it {stem!r} or rename the file."
        )
    if fault := _unschedulable(model):
        raise ModelError(f"model {stem!r}: {fault}. Correct it in include/models/{stem}.py.")
    return model


def _forget_if_changed(stem: str) -> None:
    """Import a file again that was changed since: a server that runs for weeks shows what the file says today."""
    try:
        stat = (Path(__file__).parent / f"{stem}.py").stat()
    except OSError:
        # Just removed: what was imported of it is all there is.
        return
    now = (stat.st_mtime_ns, stat.st_size)
    if _imported.setdefault(stem, now) != now:
        sys.modules.pop(f"include.models.{stem}", None)
        _imported[stem] = now


def _unschedulable(model: Model) -> str:
    """Why no orchestrator could make a schedule of a model, which would cost the others theirs; empty where one can."""
    from croniter import CroniterError, croniter

    if not isinstance(model.owner, str) or not 0 < len(model.owner.strip()) <= _LONGEST_OWNER:
        return f"owner {model.owner!r:.50}: name the team in 1 to {_LONGEST_OWNER} characters"
    if not isinstance(model.description, str):
        return f"description {model.description!r:.50}: say in a sentence what is predicted"
    for name, expression in (("feed.schedule", model.feed.schedule), ("retraining.cadence", model.retraining.cadence)):
        try:
            croniter(expression)
        except (CroniterError, AttributeError, TypeError, ValueError) as error:
            return f"{name} {expression!r:.50} is no cron expression such as '30 6 * * MON' ({error})"
    return ""
