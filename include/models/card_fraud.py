"""Is a payment by card made by a thief? Asked when it is made; a few people look at those that seem most likely."""

from datetime import timedelta
from typing import Any

from include.models.contract import Candidate, Column, Criteria, Feed, Model, Retraining

FEATURES = (
    Column("amount", "number", low=0, high=100_000, unit="EUR"),
    Column("category", "category", unit="what the merchant sells"),
    Column("country", "category", unit="of the merchant"),
    Column("channel", "category", values=("chip", "contactless", "wallet", "magstripe", "online")),
    Column("hour", "number", low=0, high=23, unit="hour of the day"),
    Column("weekday", "number", low=0, high=6, unit="Monday is 0"),
    Column("device_days", "number", low=0, high=5000, optional=True, unit="days since the card's device was first seen"),
    Column("minutes_since_last", "number", low=0, optional=True, unit="minutes since the card's last payment"),
    Column("mean_amount_7d", "number", low=0, optional=True, unit="EUR, the card's payments of the last seven days"),
    Column("payments_24h", "number", low=0, unit="the card's payments of the last day"),
    Column("payments_here", "number", low=0, unit="the card's payments at this terminal in the last four weeks"),
    Column(
        "terminal_frauds", "number", low=0, optional=True, unit="known frauds at the shop's terminal, six to two weeks ago"
    ),
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
        max_iter=80, learning_rate=0.1, min_samples_leaf=20, l2_regularization=1.0, random_state=seed
    )
    return make_pipeline(columns, trees)


MODEL = Model(
    name="card_fraud",
    owner="fraud desk",
    description="Whether a card payment is a thief's, known when it is made; one payment in a hundred is looked at.",
    task="binary",
    label=Column("fraud", "number", low=0, high=1, unit="1 is a fraud that the cardholder reported"),
    features=FEATURES,
    feed=Feed(
        key=("payment",), time="time", period=timedelta(weeks=1), label_delay=timedelta(days=14), schedule="0 6 * * MON"
    ),
    # The desk can look at one payment in a hundred: how many of those are frauds is what its people feel.
    criteria=Criteria(
        metric="precision_at_budget", floor=0.85, noisy_floor=0.75, margin=0.03, review_budget=0.01, slices=("channel",)
    ),
    retraining=Retraining(cadence="0 8 1 */3 *"),
    candidates=(
        Candidate(
            build=build, trusted_types=("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",), train_periods=26
        ),
    ),
    holdout_periods=2,
)
