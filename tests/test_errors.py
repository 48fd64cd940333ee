"""The family of errors is the tree in its docstring."""

import re

from include import errors

TREE = dict(re.findall(r"── (\w+) +(.+)", errors.__doc__ or ""))
FAMILY: dict[str, type[errors.ProvingGroundError]] = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type)
}


def test_the_tree_shows_the_whole_family() -> None:
    """The picture shows every error class, and only those that exist."""
    assert {*TREE, "ProvingGroundError", "StoreError", "RegistryError"} == set(FAMILY)


def test_the_picture_says_what_is_transient() -> None:
    """Those marked (transient) are those that Airflow tries again."""
    assert {name for name, text in TREE.items() if "(transient)" in text} == {n for n, k in FAMILY.items() if k.transient}


def test_all_of_them_are_ours() -> None:
    """One `except ProvingGroundError` catches the family."""
    assert all(issubclass(kind, errors.ProvingGroundError) for kind in FAMILY.values())
