"""Will a flight that leaves New York arrive more than 15 minutes late? Asked at its scheduled departure."""

from datetime import timedelta
from typing import Any

from include.models.contract import Candidate, Column, Criteria, Feed, Governance, Model, Retraining

FEATURES = (
    Column("carrier", "category"),
    Column("origin", "category", values=("EWR", "JFK", "LGA")),
    Column("dest", "category"),
    Column("departure_minute", "number", low=0, high=1439, unit="minutes after local midnight"),
    Column("arrival_minute", "number", low=0, high=1440, unit="minutes after local midnight"),
    Column("weekday", "number", low=0, high=6, unit="Monday is 0"),
    Column("distance", "number", low=1, high=6000, unit="miles"),
    Column("temperature", "number", low=-60, high=130, optional=True, unit="°F"),
    Column("dew_point", "number", low=-80, high=100, optional=True, unit="°F"),
    Column("humidity", "number", low=0, high=100, optional=True, unit="%"),
    Column("wind_direction", "number", low=0, high=360, optional=True, unit="degrees"),
    Column("wind_speed", "number", low=0, high=150, optional=True, unit="mph"),
    Column("wind_gust", "number", low=0, high=200, optional=True, unit="mph"),
    Column("precipitation", "number", low=0, high=10, optional=True, unit="inches"),
    Column("pressure", "number", low=850, high=1100, optional=True, unit="hPa"),
    Column("visibility", "number", low=0, high=20, optional=True, unit="miles"),
)
_CATEGORIES = [column.name for column in FEATURES if column.kind == "category"]


def build(seed: int) -> Any:
    """Boosted trees on the raw columns: rare and unseen categories become missing, which the trees handle themselves."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=float("nan"), min_frequency=20)
    columns = make_column_transformer((encode, _CATEGORIES), remainder="passthrough", verbose_feature_names_out=False)
    trees = HistGradientBoostingClassifier(
        max_iter=100, learning_rate=0.08, min_samples_leaf=50, l2_regularization=1.0, random_state=seed
    )
    return make_pipeline(columns, trees)


MODEL = Model(
    name="flight_delays",
    owner="punctuality",
    governance=Governance(
        intended_use="Telling passengers at the gate how likely a delay is; people decide what to do about it.",
        limits=("not for compensation", "not for flights from other cities"),
        assumptions=("the weather is that of the hour of departure", "a flight that never arrived has no label"),
        risk_tier="low: no decision about a person follows from it",
        review_every=timedelta(days=365),
    ),
    description="Arrival more than 15 minutes late, for departures from New York, known at scheduled departure.",
    task="binary",
    label=Column("late", "number", low=0, high=1, optional=True, unit="1 is late; missing means it never arrived"),
    features=FEATURES,
    feed=Feed(
        key=("scheduled_departure", "carrier", "flight", "origin"),
        time="scheduled_departure",
        period=timedelta(weeks=1),
        label_delay=timedelta(days=3),
        schedule="0 6 * * MON",
    ),
    criteria=Criteria(
        metric="roc_auc",
        floor=0.6,
        noisy_floor=0.55,
        margin=0.01,
        slices=("origin", "carrier"),
        fairness=("origin",),
        max_size_mb=20,
    ),
    retraining=Retraining(cadence="0 7 1 * *", decay_share=0.03),
    candidates=(Candidate(build=build, trusted_types=("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)),),
)
