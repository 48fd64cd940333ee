"""Which product will a person buy who types this into the shop's search box?"""

from datetime import timedelta
from typing import Any

from include.models.contract import Augment, Candidate, Column, Criteria, Feed, Model, NoisePlan, Retraining

FEATURES = (Column("query", "text", unit="what was typed"),)
NOISE = ("typo", "phonetic", "abbreviation", "missing_space", "truncated")


def words(seed: int) -> Any:
    """The products bought after the earlier searches that share most words: what many teams would ship."""
    return _alike_in([_WORDS], seed)


def robust(seed: int) -> Any:
    """The products bought after the most similar earlier searches: alike in words, and in pairs and triples of letters.

    A slip of the finger costs a word, but only a few of its letters.
    """
    return _alike_in([_WORDS, _LETTERS], seed)


# Hashing keeps no vocabulary: no word is unknown to it.
_WORDS = {"n_features": 2**12}
_LETTERS = {"analyzer": "char_wb", "ngram_range": (2, 3), "n_features": 2**13}


def _alike_in(parts: list[dict[str, Any]], seed: int) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer

    def weighted(counted: dict[str, Any]) -> Any:
        # float32 halves the file and the time of an answer, both of which grow with the rows.
        count = HashingVectorizer(norm=None, alternate_sign=False, dtype="float32", **counted)
        return make_pipeline(count, TfidfTransformer(sublinear_tf=True))

    # A missing text is NaN in a column of text and may be None in one of objects; an imputer fills only one of them.
    filled = [SimpleImputer(missing_values=gap, strategy="constant", fill_value="") for gap in (float("nan"), None)]
    # Columns are counted after the imputers, which forget their names; a single 0 hands a vectorizer the flat list it takes.
    counted = make_column_transformer(*((weighted(part), 0) for part in parts))
    condensed = TruncatedSVD(n_components=96, n_iter=2, random_state=seed)
    alike = KNeighborsClassifier(n_neighbors=30, weights="distance", algorithm="brute")
    return make_pipeline(*filled, counted, condensed, Normalizer(), alike)


MODEL = Model(
    name="search_queries",
    owner="shop search",
    description="The product that a person buys after a search, among the five that the shop shows first.",
    task="multiclass",
    label=Column("product", "category", unit="stock code"),
    features=FEATURES,
    feed=Feed(key=("search",), time="time", period=timedelta(weeks=1), label_delay=timedelta(days=1), schedule="0 5 * * TUE"),
    criteria=Criteria(metric="hit_rate_at_5", floor=0.85, noisy_floor=0.75, margin=0.01),
    retraining=Retraining(cadence="0 8 * * TUE"),
    # Each week both are compared, clean and noisy. The first one is simpler; it would have to be as good under noise.
    candidates=(
        Candidate(build=words, name="words", trusted_types=("numpy.dtype",), train_periods=26),
        Candidate(
            build=robust,
            name="robust",
            trusted_types=("numpy.dtype",),
            augment=Augment(copies=1, severity=1.0, corruptions=NOISE),
            train_periods=26,
        ),
    ),
    # What people do to a search, and to every one: the noisy mean answers "what if all of them are noisy?". Left out: an empty
    # query is a search that was never made; the box sends UTF-8; and the feed writes small letters, so that rows in another
    # case would be answered like clean ones and only lift the mean.
    noise=NoisePlan(
        add=("missing_space", "truncated"), drop=("missing", "mojibake", "case"), severities=dict.fromkeys(NOISE, (1.0,))
    ),
)
