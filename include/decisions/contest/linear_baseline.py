"""The linear baseline: a regularised linear model of the declared columns, in every pool of candidates.

Where it is as good as what a team has built, the decision card says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from include.models.contract import BASELINE, BASELINE_TYPES, Candidate, Column, Model, Task
from include.search_space import Value

_HASHED_WORDS = 2**12
_RARE = 10


def linear_baseline(model: Model) -> Candidate:
    """The baseline of a model, on the window of its first candidate."""
    features, task = model.features, model.task

    def build(seed: int) -> Any:
        """Numbers scaled, categories one-hot, texts as hashed words; then a linear model."""
        return _pipeline(features, task, seed)

    first = model.candidate
    return Candidate(build, BASELINE_TYPES, name=BASELINE, train_periods=first.train_periods, seed=first.seed)


def pool(model: Model) -> list[Candidate]:
    """All that are compared, in the order in which ties are decided."""
    return [*model.candidates, linear_baseline(model)]


def candidate_named(model: Model, name: str, parameters: Mapping[str, Value] | None = None) -> Candidate:
    """One of the pool, with these parameters where a search has chosen some; KeyError if there is none of that name."""
    candidate = {candidate.name: candidate for candidate in pool(model)}[name]
    return replace(candidate, parameters={**candidate.parameters, **parameters}) if parameters else candidate


def _pipeline(features: Sequence[Column], task: Task, seed: int) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline

    parts = [(_numbers(task), [c.name for c in features if c.kind == "number"])]
    parts += [(_categories(), [c.name for c in features if c.kind == "category"])]
    parts += [(_words(), [c.name]) for c in features if c.kind == "text"]
    return make_pipeline(make_column_transformer(*((part, names) for part, names in parts if names)), _linear(task, seed))


def _numbers(task: Task) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    # Naive Bayes takes no negative number; an outlier in rows to come is cut off.
    scaled = MinMaxScaler(clip=True) if task == "multiclass" else StandardScaler()
    return make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), scaled)


def _categories() -> Any:
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=_RARE)


def _words() -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    # A missing text is NaN in a column of text and may be None in one of objects; an imputer fills only one of them.
    gaps = [SimpleImputer(missing_values=gap, strategy="constant", fill_value="") for gap in (float("nan"), None)]
    # The imputers give rows of one value; a single 0 hands the vectorizer the flat list that it takes.
    counted = make_column_transformer((HashingVectorizer(n_features=_HASHED_WORDS, alternate_sign=False), 0))
    return make_pipeline(*gaps, counted)


def _linear(task: Task, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.naive_bayes import MultinomialNB

    if task == "regression":
        return Ridge()
    # Linear in its logarithms, and fitted in one pass however many classes there are.
    return MultinomialNB(alpha=0.1) if task == "multiclass" else LogisticRegression(max_iter=1000, random_state=seed)
