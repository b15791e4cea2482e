"""Config: from a TOML file to values of a verb's options, by the options' names; the command line has priority."""

import shlex
import tomllib
from pathlib import Path
from typing import Any

import click

from affex.pipeline.cli.options import PATH, option
from affex.pipeline.evaluation.settings import FIELDS, expected, shown
from affex.pipeline.storage import files
from affex.pipeline.text.errors import UsageError, unknown


def values(path: Path, command: click.Command) -> dict[str, Any]:
    """Return the values of a file for the options of a verb, by the options' names.

    A setting that the verb does not have is ignored if the file has its default.

    Raises
    ------
    UsageError
        If the file does not exist, is not TOML, or has a name or a type that the verb does not know.
    """
    known = {one.name: one for one in command.params if isinstance(one, click.Option) and _may_stand(one)}
    found = {}
    for spelled, value in _table(path).items():
        name = spelled.replace("-", "_")
        if name in known:
            found[name] = _checked(path, name, value, known[name])
        elif name not in FIELDS:
            raise UsageError(f"{path}: {unknown('setting', spelled, map(str, known))}")
        elif value != FIELDS[name].default:
            raise UsageError(f"{path}: {name} = {shown(value)}, and `affex {command.name}` has no such setting.")
    return found


def _may_stand(known: click.Option) -> bool:
    """Return whether a file may set the option; not ``--config``, nor switches that are no settings (``--json``)."""
    return known.expose_value and (known.name in FIELDS or not known.is_flag)


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(files.content(path).decode())
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror or error}. Say which file has the settings, as in "
            "CONFIG=mine.toml."
        ) from error
    except ValueError as error:  # invalid TOML or invalid UTF-8
        raise UsageError(f"{path} is not a TOML file: {error}.") from error


def _checked(path: Path, name: str, value: Any, known: click.Option) -> Any:
    """Return a value in the form that click takes, if it has the option's type."""
    several = FIELDS[name].metadata.get("several") if name in FIELDS else None
    if several and isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return _joined(value, several)
    if wanted := expected(name, value) if name in FIELDS else _other(known, value):
        raise UsageError(f"{path}: {name} = {shown(value)}: expected {wanted}.")
    return value


def _other(known: click.Option, value: Any) -> str:
    """Return the expected value of an option that is not a setting; an empty text if this value is valid."""
    if isinstance(known.type, click.types.IntParamType):
        return "" if type(value) is int else "a whole number"
    return "" if isinstance(value, str) else "a text in quotes"


def _joined(parts: list[str], several: str) -> str:
    """Return an array as text in the syntax of the command line."""
    return shlex.join(parts) if several == "paths" and len(parts) > 1 else " ".join(parts)


def _read(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Use the values of a file as the defaults of the verb's options."""
    if path is not None:
        ctx.default_map = {**(ctx.default_map or {}), **values(path, ctx.command)}


CONFIG = option(
    "--config",
    type=PATH,
    default=None,
    is_eager=True,
    expose_value=False,
    callback=_read,
    help="TOML file of these options by name; options that are typed as well go first.",
)
