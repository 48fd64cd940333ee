"""Settings refuse by name, and `.env.example` names what is read."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from include.errors import SettingsError
from include.settings import _READ_ELSEWHERE, Settings

EXAMPLE = Path(__file__).parent.parent / ".env.example"


def test_without_any_variable_the_defaults_hold() -> None:
    """The embedded stack needs nothing set."""
    settings = Settings.read({})
    assert settings.lake_bucket == "lake"
    assert settings.s3_endpoint is None


def test_a_variable_is_read_and_an_empty_one_counts_as_unset() -> None:
    """Compose passes unset variables on as empty ones."""
    settings = Settings.read({"PROVING_GROUND_LAKE_BUCKET": "ours", "PROVING_GROUND_S3_ENDPOINT": "", "HOME": "/root"})
    assert (settings.lake_bucket, settings.s3_endpoint) == ("ours", None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROVING_GROUND_S3_ENDPOINT", "localhost:8333"),
        ("PROVING_GROUND_S3_ENDPOINT", "ftp://store"),
        ("PROVING_GROUND_LAKE_BUCKET", "x"),
        ("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db"),
        ("PROVING_GROUND_AIRFLOW_URL", "http://"),
        ("PROVING_GROUND_REVIEW", "trafic_volume=orchestrator"),
        ("PROVING_GROUND_REVIEW", "traffic_volume=slack"),
        ("PROVING_GROUND_REVIEW", "traffic_volume"),
        ("PROVING_GROUND_REVIEW", "traffic_volume=orchestrator,traffic_volume=none"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    """The message names variable and value, and where to look."""
    with pytest.raises(SettingsError, match=f"{name}={re.escape(repr(value))} cannot be used: .*example"):
        Settings.read({name: value})


def test_a_review_is_switched_on_by_model() -> None:
    """Pairs of model and reviewer's place; what is not named stays as the model's file says."""
    settings = Settings.read({"PROVING_GROUND_REVIEW": " traffic_volume = orchestrator, card_fraud=registry,"})
    assert settings.review == {"traffic_volume": "orchestrator", "card_fraud": "registry"}
    assert Settings.read({"PROVING_GROUND_REVIEW": ""}).review == {}


def test_a_secret_is_long_enough_and_never_printed() -> None:
    """One that can be guessed is refused, and neither the refusal nor the settings in a log show it."""
    name = "PROVING_GROUND_METRICS_TOKEN"
    with pytest.raises(SettingsError, match=f"{name}=.hidden. cannot be used: .*16.*example") as refused:
        Settings.read({name: "only-15-letters"})
    assert "15-letters" not in str(refused.value)
    settings = Settings.read({name: "sixteen-letters."})
    assert settings.metrics_token is not None
    assert "sixteen" not in f"{settings!r}"
    assert Settings.read({name: ""}).metrics_token is None


def test_all_bad_values_are_reported_at_once() -> None:
    """All wrong values are named at once: correcting three takes one restart, not three."""
    with pytest.raises(SettingsError, match=r"LAKE_BUCKET.*; .*AIRFLOW_URL"):
        Settings.read({"PROVING_GROUND_LAKE_BUCKET": "x", "PROVING_GROUND_AIRFLOW_URL": "nowhere"})


def test_an_unknown_variable_of_ours_is_refused() -> None:
    """A typing mistake does not silently leave a default in place; the list of what there is comes with it."""
    with pytest.raises(
        SettingsError, match=r"PROVING_GROUND_LAKE_BUKET: not a setting; there are .*PROVING_GROUND_LAKE_BUCKET"
    ):
        Settings.read({"PROVING_GROUND_LAKE_BUKET": "lake"})


@pytest.mark.parametrize("name", sorted(_READ_ELSEWHERE))
def test_variables_of_the_embedded_stack_are_accepted(name: str) -> None:
    """The ports of the embedded stack are not ours, and no mistake."""
    assert Settings.read({name: "8081"}) == Settings.read({})


def test_addresses_lose_their_last_slash() -> None:
    """Paths are put behind them."""
    assert (
        Settings.read({"PROVING_GROUND_AIRFLOW_URL": "https://airflow.example/a/"}).airflow_url == "https://airflow.example/a"
    )


def test_settings_are_frozen() -> None:
    """They cannot be changed after they were read."""
    with pytest.raises(ValidationError, match="frozen"):
        Settings.read({}).lake_bucket = "other"


def test_the_example_names_exactly_what_is_read() -> None:
    """Every variable that is read stands in `.env.example`, also where it is commented out, and none of ours that is not."""
    named = set(re.findall(r"^#?\s?([A-Z][A-Z0-9_]+)=", EXAMPLE.read_text(), re.MULTILINE))
    assert set(Settings.variables()) <= named
    assert {name for name in named if name.startswith("PROVING_GROUND_")} <= {*Settings.variables(), *_READ_ELSEWHERE}
