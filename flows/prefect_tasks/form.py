"""The forms as Prefect draws and checks them: a flow's parameters are the fields."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from include.run_form import Form, FormField

Body = Callable[[dict[str, Any], dict[str, Any]], Any]


def with_form(form: Form) -> Callable[[Body], Callable[..., Any]]:
    """Make a function of the form's values and the event into one that has a parameter for each field."""

    def decorate(body: Body) -> Callable[..., Any]:
        def run(event: dict[str, Any] | None = None, **values: Any) -> Any:
            return body(values, event or {})

        run.__name__, run.__doc__, run.__module__ = body.__name__, body.__doc__, body.__module__
        run.__signature__ = inspect.Signature([_parameter(field) for field in (*form, _EVENT)])  # type: ignore[attr-defined]
        return run

    return decorate


_EVENT = FormField("event", "Event", "Filled in by the event that starts a run. Leave it empty.")


def _parameter(field: FormField) -> inspect.Parameter:
    # A field that may stay empty is empty text: for one that may be null, Prefect's page asks for its type first.
    default: Any = "" if field.default is None else field.default
    kind: Any = type(default)
    if field is _EVENT:
        default, kind = None, dict[str, Any] | None
    pattern = field.pattern and (f"^$|{field.pattern}" if default == "" else field.pattern)
    checks: dict[str, Any] = {"pattern": pattern, "max_length": field.longest}
    values = [value for value, _ in field.choices]
    if any(checks.values()):
        kind = Annotated[kind, Field(**{name: value for name, value in checks.items() if value})]
    if values:
        kind = Annotated[kind, AfterValidator(_one_of(values))]
    # Prefect takes a field's description from its default, and would call it by its name.
    shown: dict[str, Any] = {"title": field.title} | ({"enum": values} if values else {})
    described = Field(default, description=field.description, json_schema_extra=shown)
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=described, annotation=kind)


def _one_of(values: list[str]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in values:
            raise ValueError(f"{value!r} is not accepted; there are {', '.join(map(repr, values))}")
        return value

    return check
