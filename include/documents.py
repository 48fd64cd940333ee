"""Stored documents: the one way in which everything that is kept as JSON is written and read.

A document is a dataclass or a pydantic model. Beside its fields it carries its type and version, so that a reader that meets a
damaged one, or one of another release, refuses it by name. Change `document_version` of a type when its fields change.
"""

import dataclasses
import json
from typing import Annotated, Any, TypeVar

import pydantic
import pydantic_core
from pydantic import BaseModel, BeforeValidator, PlainSerializer, TypeAdapter

from include.errors import CorruptObject

T = TypeVar("T")

_MARK = "document"
# Made once per type: that costs more than reading a document.
_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}

# A number that may be "not a number", which JSON has no word for.
NumberOrNaN = Annotated[
    float,
    BeforeValidator(lambda value: float("nan") if value is None else value),
    PlainSerializer(lambda value: None if value != value else value),  # NaN is the one value that differs from itself
]


def to_bytes(document: object) -> bytes:
    """The document as JSON, with sorted keys where its bytes are hashed (`hashed = True` on the type)."""
    fields = _adapter(type(document)).dump_python(document, mode="json")
    return json.dumps({_MARK: _label(type(document))} | fields, sort_keys=getattr(type(document), "hashed", False)).encode()


def from_bytes(kind: type[T], data: bytes, where: str) -> T:
    """The document of this type that `to_bytes` wrote; `where` is its key, for the message.

    Raises:
        CorruptObject: it is no document of this type, or one of another version.
    """
    try:
        fields = json.loads(data)
        label = fields.pop(_MARK, "none")
    except (ValueError, AttributeError, TypeError) as error:
        raise CorruptObject(f"{where} is not a document: {str(error)[:100]}. {_ADVICE}") from error
    if label != _label(kind):
        raise CorruptObject(
            f"{where} has the document type {str(label)[:50]!r}; accepted is {_label(kind)!r}. "
            f"Another release wrote it. {_ADVICE}"
        )
    if unknown := set(fields) - _field_names(kind):
        raise CorruptObject(f"{where} has unknown fields: {', '.join(sorted(unknown))[:200]}. It was changed. {_ADVICE}")
    try:
        # Strict: what was stored as a text does not become a number.
        document: T = _adapter(kind).validate_json(json.dumps(fields), strict=True)
        return document
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise CorruptObject(f"{where}: {field}: {first['msg']}. It was changed. {_ADVICE}") from error


_ADVICE = "Restore the object from a backup, or delete it where a later run writes it again (docs/runbook.md)."


def _label(kind: type) -> str:
    return f"{kind.__name__}/{getattr(kind, 'document_version', 1)}"


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
