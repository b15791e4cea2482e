"""Grammar: the arrow from a spec, as in ``mfcc:n=20,hop=5ms``, to a name with parameters, or to a preset; and back.

Specs of features, classifiers, protocols, corpora and fusions have the same form: a name and, after a colon, parameters
separated by commas, each ``name=value`` with its unit if it has one (for a fusion, the name of its rule: ``late:svm``).
A preset is a frozen dataclass, and a spec lists the parameters that differ from it. A feature may read another feature;
the other one's parameters follow its name and a dot: ``face:faces.frames=16/clip,faces.detector=hog``.
"""

import dataclasses
import os
import re
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from affex.features.base import Feature
from affex.pipeline.text.errors import UsageError, unknown

#: The units that may follow a number, and the factor of each.
UNITS = {"s": 1.0, "ms": 1e-3, "min": 60.0, "Hz": 1.0, "kHz": 1e3}

#: The upper limit of every parameter: as seconds it is more than 30 years, as a count more than fits in memory.
LARGEST = 1e9


def name_of(text: str) -> str:
    """Return the name in a spec: the text before its colon."""
    return text.partition(":")[0]


def after_name(text: str) -> str:
    """Return the text after the colon of a spec; empty if there is none."""
    return text.partition(":")[2]


def parameters(text: str) -> dict[str, str]:
    """Return the parameters of a spec as they are written, by name.

    Raises
    ------
    UsageError
        If one is not written name=value.
    """
    found = {}
    for part in filter(None, after_name(text).split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise UsageError(f"'{part}' in '{text}': parameters are written name=value, parted by commas.")
        found[key] = value
    return found


def spec(name: str, parameters: Mapping[str, Any]) -> str:
    """Return the spec of a preset with other parameters, as `parsed` reads it."""
    return name + (":" + ",".join(f"{key}={value}" for key, value in parameters.items()) if parameters else "")


def chosen(text: str, choices: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the parameters of a spec, each of which has one of some values.

    Parameters
    ----------
    choices
        The values that there are, by parameter.

    Raises
    ------
    UsageError
        If there is no such parameter or value.
    """
    name, found = name_of(text), parameters(text)
    for key, value in found.items():
        if key not in choices:
            raise unknown(f"setting of {name}", key, choices)
        if value not in choices[key]:
            raise unknown(f"value of {name}:{key}", value, choices[key])
    return found


def parsed(kind: str, text: str, presets: dict[str, Any], only: Sequence[str] = (), beside: Sequence[str] = ()) -> Any:
    """Return a preset with the parameters of a spec.

    Parameters
    ----------
    kind
        What it is, for messages: ``"feature"``, for example.
    text
        A preset's name and, after a colon, parameters.
    presets
        By name.
    only
        The parameters that may be named; empty for all.
    beside
        Additional parameters that the text may have; the caller reads them.

    Raises
    ------
    UsageError
        If there is no such preset or parameter, or a value makes no sense.
    """
    name = name_of(text)
    if name not in presets:
        raise unknown(kind, name, presets)
    preset = presets[name]
    kinds = {key: kind for key, kind in _kinds(preset).items() if not only or key in only}
    changes = {}
    for key, value in parameters(text).items():
        if key in beside:
            continue
        if key not in kinds:
            raise _unknown(name, key, value, kinds, beside)
        changes[key] = _value(text, key, value, kinds[key])
    try:
        return _changed(preset, changes)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise UsageError(f"'{text}': {error}") from error


def _unknown(name: str, key: str, value: str, kinds: Mapping[str, Any], beside: Sequence[str]) -> UsageError:
    """Return the error for an unknown parameter, with the parameter that has this value among its choices."""
    error = unknown(f"parameter of {name}", key, [*kinds, *beside])
    meant = [other for other, kind in kinds.items() if value in typing.get_args(kind)]
    return UsageError(f"{error}\nDid you mean {spec(name, {meant[0]: value})}?") if len(meant) == 1 else error


def _kinds(preset: Any) -> dict[str, Any]:
    """Return the type of every parameter, those of a feature in a field after the field's name and a dot."""
    hints = typing.get_type_hints(type(preset))
    kinds: dict[str, Any] = {}
    for field in dataclasses.fields(preset):
        value = getattr(preset, field.name)
        if isinstance(value, Feature):
            kinds |= {f"{field.name}.{key}": kind for key, kind in _kinds(value).items()}
        else:
            kinds[field.name] = hints[field.name]
    return kinds


def _changed(preset: Any, changes: dict[str, Any]) -> Any:
    """Return a preset with other values of parameters, which are named as in `_kinds`."""
    own = {key: value for key, value in changes.items() if "." not in key}
    for name in dict.fromkeys(key.partition(".")[0] for key in changes if "." in key):
        inner = {key.partition(".")[2]: value for key, value in changes.items() if key.startswith(f"{name}.")}
        own[name] = _changed(getattr(preset, name), inner)
    return dataclasses.replace(preset, **own)


def _value(spec: str, key: str, text: str, kind: Any) -> Any:
    kinds = typing.get_args(kind) if typing.get_origin(kind) in (types.UnionType, typing.Union) else (kind,)
    if type(None) in kinds and text.lower() in ("none", ""):
        return None
    if bool in kinds and text.lower() in ("0", "1", "true", "false", "yes", "no"):
        return text.lower() in ("1", "true", "yes")
    number = re.fullmatch(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-z]*)", text)
    if number and number[2] in ("", *UNITS):
        if not abs(float(number[1])) <= LARGEST:
            raise UsageError(f"{key}={text} in '{spec}': expected a number of {LARGEST:g} at the most.")
        scaled = float(number[1]) / 1000 if number[2] == "ms" else float(number[1]) * UNITS.get(number[2], 1.0)
        if float in kinds:
            return scaled
        if int in kinds and scaled == int(scaled):
            return int(scaled)
    if str in kinds or typing.get_origin(kind) is typing.Literal:
        return os.path.expanduser(text)  # noqa: PTH111 - of a path that no shell has expanded; else it stays as it is
    wanted = " or ".join(getattr(k, "__name__", str(k)) for k in kinds)
    raise UsageError(f"{key}={text} in '{spec}': expected {wanted} (units: {', '.join(UNITS)}).")


def differences(preset: Any, other: Any) -> dict[str, Any]:
    """Return the parameters in which another differs from a preset, named as in `_kinds`."""
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(preset):
        before, after = getattr(preset, field.name), getattr(other, field.name)
        if isinstance(before, Feature):
            changed |= {f"{field.name}.{key}": value for key, value in differences(before, after).items()}
        elif field.compare and before != after:
            changed[field.name] = after
    return changed
