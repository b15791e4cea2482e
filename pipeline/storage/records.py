"""Records: the arrow from frozen dataclasses to JSON, and back; strictly, so that what is read is what was written.

A record's JSON has one member for each field, in their order. What is undefined (NaN) is null. A record that lacks a
field, or has one more, is of another version, and refused.
"""

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal, TypeVar, Union

import numpy as np

Record = TypeVar("Record")


def plain(value: Any) -> Any:
    """Turn records, numpy's numbers and tuples into what JSON knows; what is no number becomes None."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(inner) for inner in value]
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value


def as_text(value: Any) -> str:
    """Return records as one JSON document, in ASCII: a terminal of any encoding shows it, and no name steers it."""
    return json.dumps(plain(value), indent=2, allow_nan=False)


def restored(kind: type[Record], value: Any, where: str = "") -> Record:
    """Return the record that `plain` was given.

    Parameters
    ----------
    kind
        The dataclass; its fields are dataclasses, tuples, mappings, literals, unions of these, and what JSON knows.
    value
        What `plain` returned.
    where
        The path of the value, for the words of an error.

    Raises
    ------
    ValueError
        If a member is missing, unknown, or of another kind; it names the path.
    """
    if not isinstance(value, Mapping):
        raise _other(where, kind.__name__, value)
    hints = typing.get_type_hints(kind)
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in dict.fromkeys((*names, *value)):
        if name not in value or name not in names:
            raise ValueError(f"{_inside(where, name)} is {'unknown' if name in value else 'missing'}")
    given = [field.name for field in fields(kind) if field.init]  # type: ignore[arg-type] # others follow from these
    return kind(**{name: _value(hints[name], value[name], _inside(where, name)) for name in given})


def _value(kind: Any, value: Any, where: str) -> Any:
    """Return a value as a field's type has it."""
    origin = typing.get_origin(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        return _one_of(typing.get_args(kind), value, where)
    if origin is tuple:
        return _tuple(typing.get_args(kind), value, where)
    if origin is not None and origin is not Literal:
        return _mapping(typing.get_args(kind), value, where)
    return restored(kind, value, where) if _is_record(kind) else _simple(kind, value, where)


def _is_record(kind: Any) -> bool:
    return is_dataclass(kind)


def _simple(kind: Any, value: Any, where: str) -> Any:
    if typing.get_origin(kind) is Literal:
        if value in typing.get_args(kind):
            return value
    elif kind is float and (value is None or type(value) in (float, int)):
        return float("nan") if value is None else float(value)
    elif type(value) is kind:
        return value
    raise _other(where, getattr(kind, "__name__", str(kind)), value)


def _one_of(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    """Return a value as the first of several types has it; the last one's error where none has it."""
    if value is None and types.NoneType in kinds:
        return None
    *others, last = (kind for kind in kinds if kind is not types.NoneType)
    for kind in others:
        try:
            return _value(kind, value, where)
        except ValueError:
            continue
    return _value(last, value, where)


def _tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise _other(where, "list", value)
    own = kinds[:1] * len(value) if kinds[1:] == (Ellipsis,) else kinds
    if len(own) != len(value):
        raise ValueError(f"{where} has {len(value)} members, expected {len(own)}")
    places = zip(own, value, range(len(own)), strict=True)
    return tuple(_value(kind, inner, f"{where}[{number}]") for kind, inner, number in places)


def _mapping(kinds: tuple[Any, ...], value: Any, where: str) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise _other(where, "mapping", value)
    key, inner = kinds
    return {key(name): _value(inner, own, _inside(where, name)) for name, own in value.items()}


def _inside(where: str, name: str) -> str:
    return f"{where}.{name}" if where else str(name)


def _other(where: str, expected: str, value: Any) -> ValueError:
    return ValueError(f"{where or 'the record'} is {value!r:.40}, expected {expected}")
