"""The forms in Airflow can be sent as they are: every default is one that its page and its server accept."""

import pytest

from include.run_form import Form, monitor_form, retrain_form, rollback_form
from run_form import params

FORMS = {"monitor": monitor_form(), "retrain": retrain_form(["main", "recent"]), "rollback": rollback_form()}


# Nobody goes back to another version without saying why.
HAS_TO_BE_SAID = {("rollback", "reason")}


@pytest.mark.parametrize(("stage", "form"), FORMS.items(), ids=FORMS)
def test_a_form_can_be_sent_untouched(stage: str, form: Form) -> None:
    """Airflow's page takes an empty text in a field that may not be null for one that has to be filled in first."""
    for name, param in params(form).items():
        if (stage, name) in HAS_TO_BE_SAID:
            continue
        assert param.resolve() == param.value, name
        may_be_null = "null" in param.schema["type"]
        assert may_be_null or param.value not in ("", None), f"{name} keeps the button from being pressed"
