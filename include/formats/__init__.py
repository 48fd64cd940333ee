"""The formats of artifacts: how a fitted pipeline becomes a file, and how the file answers again. One module each.

A candidate names its format (`artifact="skops"`, the default). What a file says about itself is not believed: which formats
and types a version may be made of is what the model's file in this repository declares.
"""

from importlib import import_module

from include.formats.port import Format

# By what a candidate declares. Modules are imported when they are used: each needs libraries of its own.
_MODULES = {"skops": "skops_file", "onnx": "onnx_file"}
_FLAVOUR, _FLAVOUR_MODULE = "mlflow.", "mlflow_flavour"


def format_named(name: str) -> Format:
    """The format that a candidate or a published version names.

    Raises:
        KeyError: there is none of that name.
    """
    if name.startswith(_FLAVOUR):
        flavour: Format = import_module(f"{__name__}.{_FLAVOUR_MODULE}").of(name)
        return flavour
    found: Format = import_module(f"{__name__}.{_MODULES[name]}").FORMAT
    return found


def fault_of(name: str, because: str) -> str | None:
    """What is wrong with a candidate's `artifact` and `because`, in a sentence; None where nothing is."""
    if name in _MODULES:
        return None
    if not (isinstance(name, str) and name.startswith(_FLAVOUR) and name[len(_FLAVOUR) :].isidentifier()):
        accepted = ", ".join(repr(one) for one in _MODULES)
        return f"artifact {name!r}: accepted are {accepted}, and an MLflow flavour such as 'mlflow.sklearn', with because="
    if not because.strip():
        return (
            f"artifact {name!r} runs whatever code its file holds; say in because= why none of "
            f"{', '.join(_MODULES)} will do: the decision card shows it"
        )
    return None
