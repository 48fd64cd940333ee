"""What is kept as JSON is believed where it holds its digest, its type and its version."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from include.documents import from_bytes, sealed, to_bytes
from include.errors import CorruptObject
from include.ledger.entries import Entry, faults, following
from include.ledger.state import Fact
from include.noise.profile import NoiseProfile
from include.results import Intake, LandedFile, Manifest, ManifestFile

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
FILE = LandedFile(key="toy/features/a.csv", etag='"1"', stream="features", landed_at=NOON)
INTAKE = Intake(file=FILE, rows=60, reasons={"x: above 50": 2, "at: not a time": 1}, periods=(NOON,))
MANIFEST = Manifest(model="toy", start=NOON, end=NOON, files=(ManifestFile(key="a", sha256="b"),))
ENTRY = following(None, "toy", Fact("promoted", "k", NOON, "gate", "better", "run", "1", new="1"), NOON)


@pytest.mark.parametrize("document", [INTAKE, MANIFEST, ENTRY, NoiseProfile(3)])
def test_a_document_comes_back_as_it_was(document: Any) -> None:
    """With and without its own digest, where its bytes are hashed; and also where a person has set it out in lines."""
    for data in (to_bytes(document), sealed(document)):
        assert from_bytes(type(document), data, "key") == document
        assert from_bytes(type(document), json.dumps(json.loads(data), indent=2).encode(), "key") == document


@pytest.mark.parametrize("document", [INTAKE, ENTRY, NoiseProfile(3)])
def test_a_value_that_was_changed_is_found(document: Any) -> None:
    """Although the document still has its type, its version and all fields, of the right kinds."""
    stored = json.loads(sealed(document))
    name = next(name for name, value in stored.items() if isinstance(value, int))
    with pytest.raises(CorruptObject, match=r"^key does not have the digest that it names\. It was changed"):
        from_bytes(type(document), json.dumps(stored | {name: stored[name] + 1}).encode(), "key")


def test_the_order_of_reasons_is_kept() -> None:
    """They begin with the most frequent one."""
    assert list(from_bytes(Intake, to_bytes(INTAKE), "key").reasons) == ["x: above 50", "at: not a time"]


def test_a_document_of_the_release_before_is_refused_by_name() -> None:
    """It has no digest, and an earlier version; a document that lost only its digest was changed."""
    stored = json.loads(to_bytes(INTAKE))
    del stored["digest"]
    with pytest.raises(CorruptObject, match="Another release wrote it"):
        from_bytes(Intake, json.dumps(stored | {"document": "Intake/1"}).encode(), "key")
    with pytest.raises(CorruptObject, match="does not have the digest"):
        from_bytes(Intake, json.dumps(stored).encode(), "key")


def test_bytes_that_are_hashed_stay_as_they_are() -> None:
    """The names of snapshots, and what entries of the ledger are chained to, hold from release to release."""
    expected = {"document": "Manifest/1"} | MANIFEST.model_dump(mode="json")
    assert to_bytes(MANIFEST) == json.dumps(expected, sort_keys=True).encode()
    assert ENTRY.digest == hashlib.sha256(to_bytes(ENTRY)).hexdigest()
    assert b'"digest"' not in to_bytes(ENTRY)


def test_entries_of_the_release_before_make_one_chain_with_those_of_this_one() -> None:
    """The old ones carry no digest of their own: the next one has it."""
    second = following(ENTRY, "toy", Fact("promoted", "l", NOON, "gate", "better", "run", "2", new="2"), NOON)
    stored = [to_bytes(ENTRY), sealed(second)]
    assert faults([from_bytes(Entry, data, "key") for data in stored], stored) == []
