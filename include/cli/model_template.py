"""Will this customer leave? SAY HERE in a sentence what is predicted, and when: `make new-model` copies this file."""

from datetime import timedelta
from typing import Any

from include.models.contract import Augment, Candidate, Column, Criteria, Feed, Model, Retraining

# What is known when the prediction is made. Nothing that is only known afterwards: the model would read its answer.
FEATURES = (
    Column("months", "number", low=0),  # CHANGE: a number, in its own unit, with the lowest and highest possible value
    Column("plan", "category"),  # CHANGE: a word out of some; values=("a", "b") closes the list
    Column("calls", "number", low=0, optional=True),  # CHANGE: optional=True where a value may be missing
)
# The types that loading a version may create: leave it, unless the contract test names others.
TYPES = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)
_CATEGORIES = [column.name for column in FEATURES if column.kind == "category"]
_TEXTS = [column.name for column in FEATURES if column.kind == "text"]


def build(seed: int) -> Any:
    """Boosted trees on the raw columns: a start for tables of numbers, categories and short texts."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    def letters() -> Any:
        # A missing text is NaN in a column of text and may be None in one of objects; an imputer fills only one of them.
        filled = [SimpleImputer(missing_values=gap, strategy="constant", fill_value="") for gap in (float("nan"), None)]
        count = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), n_features=2**7, dtype="float32")
        return make_pipeline(*filled, make_column_transformer((count, 0)))

    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=float("nan"), min_frequency=20)
    parts = [(encode, _CATEGORIES), *((letters(), [name]) for name in _TEXTS)]
    columns = make_column_transformer(*parts, remainder="passthrough", sparse_threshold=0, verbose_feature_names_out=False)
    return make_pipeline(columns, HistGradientBoostingClassifier(max_iter=100, min_samples_leaf=20, random_state=seed))


MODEL = Model(
    name="model_template",
    owner="no team yet",  # CHANGE: the team to ask
    description="Whether a customer leaves in the next four weeks.",  # CHANGE: a sentence that ends with a full stop
    task="binary",  # CHANGE: binary (label 0 or 1), multiclass (label a category) or regression (label a number)
    label=Column("left", "number", low=0, high=1),  # CHANGE: the column that is predicted
    features=FEATURES,
    feed=Feed(
        key=("customer",),  # CHANGE: the columns that together name one row, and never repeat
        time="time",  # CHANGE: when the prediction is made: ISO 8601, in UTC
        period=timedelta(weeks=1),  # CHANGE: how often a delivery comes; or "month", "quarter"
        label_delay=timedelta(days=7),  # CHANGE: how long after a row's time its label is known
        schedule="0 6 * * MON",  # CHANGE: when to look for deliveries, cron in UTC
    ),
    # CHANGE: what a version must reach on clean and on noisy rows, and the loss (margin) that would not be noticed.
    criteria=Criteria(metric="roc_auc", floor=0.6, noisy_floor=0.55, margin=0.02),
    retraining=Retraining(cadence="0 7 1 * *"),  # CHANGE: when to retrain if nothing asks for it, cron in UTC
    # Each retraining compares them, and a linear baseline, before the hold-out; the winner alone meets the champion.
    candidates=(
        Candidate(build=build, name="all_history", trusted_types=TYPES),
        Candidate(build=build, name="recent", trusted_types=TYPES, train_periods=13),  # CHANGE: what is recent, in periods
        Candidate(build=build, name="robust", trusted_types=TYPES, augment=Augment()),  # has seen a noisy copy of each row too
    ),
)
