"""Stored documents: the one way in which everything that is kept as JSON is written and read.

A document is a dataclass or a pydantic model. Beside its fields it carries its type and version, so that a reader that meets
one of another release refuses it by name, and a digest of its fields, so that a changed value is found. Change
`document_version` of a type when its fields change. A type says in `way_out` what to do about a spoilt one, where that is
something special.

The digest finds what was damaged or edited, not a forger: it is no signature.
"""

import dataclasses
import hashlib
import json
from typing import Annotated, Any, TypeVar

import pydantic
import pydantic_core
from pydantic import BaseModel, BeforeValidator, PlainSerializer, TypeAdapter

from include.errors import CorruptObject

T = TypeVar("T")

_MARK, _DIGEST = "document", "digest"
# Of types that name none. With 2 came the digest, which types do not have whose bytes are hashed as they are.
_FIRST_VERSION, _FIRST_HASHED_VERSION = 2, 1
# Made once per type: that costs more than reading a document.
_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}

# A number that may be "not a number", which JSON has no word for.
NumberOrNaN = Annotated[
    float,
    BeforeValidator(lambda value: float("nan") if value is None else value),
    PlainSerializer(lambda value: None if value != value else value),  # NaN is the one value that differs from itself
]


def to_bytes(document: object) -> bytes:
    """The document as JSON with its digest.

    Where its bytes are hashed (`hashed = True` on the type) it has sorted keys and no digest: that is kept elsewhere.
    """
    if not _is_hashed(type(document)):
        return sealed(document)
    return _json(type(document), {_MARK: _label(type(document))} | _fields(document)).encode()


def sealed(document: object) -> bytes:
    """The document as JSON with its digest, also where its bytes are hashed."""
    kind, fields = type(document), _fields(document)
    mark = {_MARK: _label(kind), _DIGEST: _digest(kind, _json(kind, fields))}
    return _json(kind, mark | fields).encode()


def from_bytes(kind: type[T], data: bytes, where: str) -> T:
    """The document of this type that `to_bytes` or `sealed` wrote; `where` is its key, for the message.

    Raises:
        CorruptObject: it is no document of this type, it was changed, or another release wrote it.
    """
    advice = getattr(kind, "way_out", _ADVICE)
    try:
        fields = json.loads(data)
        label, digest = fields.pop(_MARK, "none"), fields.pop(_DIGEST, None)
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise CorruptObject(f"{where} is not a document: {str(error)[:100]}. {advice}") from error
    if label != _label(kind):
        raise CorruptObject(
            f"{where} has the document type {str(label)[:50]!r}; accepted is {_label(kind)!r}. "
            f"Another release wrote it. {advice}"
        )
    text = json.dumps(fields)
    if digest != _digest(kind, text) and not (digest is None and _is_hashed(kind)):
        raise CorruptObject(f"{where} does not have the digest that it names. It was changed. {advice}")
    if unknown := set(fields) - _field_names(kind):
        raise CorruptObject(f"{where} has unknown fields: {', '.join(sorted(unknown))[:200]}. It was changed. {advice}")
    try:
        # Strict: what was stored as a text does not become a number.
        document: T = _adapter(kind).validate_json(text, strict=True)
        return document
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise CorruptObject(f"{where}: {field}: {first['msg']}. It was changed. {advice}") from error


_ADVICE = "Restore the object from a backup, or delete it where a later run writes it again (docs/runbook.md)."


def _label(kind: type) -> str:
    first = _FIRST_HASHED_VERSION if _is_hashed(kind) else _FIRST_VERSION
    return f"{kind.__name__}/{getattr(kind, 'document_version', first)}"


def _is_hashed(kind: type) -> bool:
    return bool(getattr(kind, "hashed", False))


def _fields(document: object) -> dict[str, Any]:
    fields: dict[str, Any] = _adapter(type(document)).dump_python(document, mode="json")
    return fields


def _json(kind: type, fields: dict[str, Any]) -> str:
    # Else in their own order: reasons, for example, begin with the most frequent one.
    return json.dumps(fields, sort_keys=_is_hashed(kind))


def _digest(kind: type, text: str) -> str:
    return hashlib.sha256(f"{_label(kind)} {text}".encode()).hexdigest()


def _field_names(kind: type) -> set[str]:
    if issubclass(kind, BaseModel):
        return set(kind.model_fields)
    assert dataclasses.is_dataclass(kind)
    return {field.name for field in dataclasses.fields(kind)}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def as_strict_json(document: object) -> str:
    """Any dataclass, mapping or list as JSON for other programs: what is not a number becomes null."""
    return pydantic_core.to_json(document, inf_nan_mode="null", indent=1).decode()
