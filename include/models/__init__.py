"""The models: every file in this folder that defines MODEL is one. There is no list to edit.

Files whose names begin with _ and folders are what models share: helpers of the team's own.
"""

from importlib import import_module
from pathlib import Path

from include.errors import ModelError
from include.models.contract import Model

_NOT_MODELS = {"__init__", "contract"}


def all_models() -> list[Model]:
    """Every model, by name.

    Raises:
        ModelError: a file cannot be imported or defines no MODEL, or a model is not named like its file.
    """
    return [_model_in(name) for name in model_names()]


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


def _model_in(stem: str) -> Model:
    try:
        model = getattr(import_module(f"include.models.{stem}"), "MODEL", None)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"include/models/{stem}.py cannot be imported: {type(error).__name__}: {error}. Correct it."
        ) from error
    if not isinstance(model, Model):
        raise ModelError(f"include/models/{stem}.py defines no MODEL: end it with MODEL = Model(...), see contract.py.")
    if model.name != stem:
        raise ModelError(
            f"include/models/{stem}.py defines a model named {model.name!r}: name it {stem!r} or rename the file."
        )
    return model
