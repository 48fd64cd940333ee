"""What does a customer want who writes this message?"""

from datetime import timedelta
from typing import Any

from include.models.contract import Candidate, Column, Criteria, Feed, Model, NoisePlan, Retraining

FEATURES = (Column("text", "text", unit="the message as it was typed"),)
NOISE = ("typo", "phonetic", "abbreviation", "missing_space")


def build(seed: int) -> Any:
    """A linear model over words, pairs of words, and three and four letters: a misspelt word keeps most of its letters."""
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import SGDClassifier
    from sklearn.pipeline import make_pipeline

    def weighted(**counted: Any) -> Any:
        count = HashingVectorizer(norm=None, alternate_sign=False, dtype="float32", **counted)
        return make_pipeline(count, TfidfTransformer(sublinear_tf=True))

    # A missing text is NaN in a column of text and may be None in one of objects; an imputer fills only one of them.
    filled = [SimpleImputer(missing_values=gap, strategy="constant", fill_value="") for gap in (float("nan"), None)]
    # Columns are counted after the imputers, which forget their names; a single 0 hands a vectorizer the flat list it takes.
    counted = make_column_transformer(
        (weighted(ngram_range=(1, 2), n_features=2**13), 0),
        (weighted(analyzer="char_wb", ngram_range=(3, 4), n_features=2**13), 0),
    )
    linear = SGDClassifier(loss="log_loss", alpha=3e-5, max_iter=4, tol=None, average=True, random_state=seed)
    return make_pipeline(*filled, counted, linear)


MODEL = Model(
    name="support_intents",
    owner="customer service",
    description="What a customer wants, from the text of the message, so that it goes to those who can help.",
    task="multiclass",
    label=Column("intent", "category", unit="what an agent filed it under"),
    features=FEATURES,
    feed=Feed(
        key=("message",), time="time", period=timedelta(weeks=1), label_delay=timedelta(days=10), schedule="0 5 * * MON"
    ),
    criteria=Criteria(metric="accuracy", floor=0.8, noisy_floor=0.7, margin=0.015),
    retraining=Retraining(cadence="0 8 1 */3 *"),
    candidates=(Candidate(build=build, trusted_types=("numpy.dtype",), train_periods=40),),
    noise=NoisePlan(add=("missing_space",), drop=("missing", "mojibake", "case"), severities=dict.fromkeys(NOISE, (1.0,))),
)
