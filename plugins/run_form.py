"""The form that a person fills in to start a run by hand, as Airflow's parameters."""

from typing import Any

from airflow.sdk import Param

from include.run_form import Form, FormField


def params(form: Form) -> dict[str, Param]:
    """The fields as Airflow draws and checks them."""
    return {field.name: _param(field) for field in form}


def _param(field: FormField) -> Param:
    if isinstance(field.default, bool):
        return Param(field.default, type="boolean", title=field.title, description=field.description)
    checks: dict[str, Any] = {"type": "string" if field.default is not None else ["null", "string"]}
    if field.name in ("as_of", "freeze_until", "snooze_until"):
        # Airflow looks at a format only to draw the field; what is refused is what does not match the pattern.
        checks["format"] = "date-time"
    if field.pattern:
        checks["pattern"] = field.pattern
    if field.longest:
        checks["maxLength"] = field.longest
    if field.choices:
        checks["enum"] = [value for value, _ in field.choices]
        checks["values_display"] = {value: shown for value, shown in field.choices if value != shown}
    return Param(field.default, title=field.title, description=field.description, **checks)
