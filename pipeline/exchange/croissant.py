"""Croissant: the arrow from an exported folder to its description in JSON-LD, which other programs find and read it by.

The vocabulary is Croissant 1.1 (http://mlcommons.org/croissant/1.1; Akhtar et al., "Croissant: A Metadata Format for
ML-Ready Datasets", 2024, doi:10.1145/3650203.3663326). Each file has its sha256, each part of the data a record set
with one field per column. No date stands in it: equal exports are equal bytes.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from affex.pipeline.exchange.nested import FEATURES, TIMES
from affex.pipeline.exchange.record import Export
from affex.pipeline.specs.data_sheets import DataSheet
from affex.pipeline.text.printable import printable
from affex.version import __version__

#: The standard context of version 1.1: what the short names of the file mean.
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
CONFORMS = "http://mlcommons.org/croissant/1.1"
#: The data types of columns.
TYPES: Mapping[type, str] = {str: "sc:Text", float: "cr:Float64", int: "cr:Int64"}
#: A name that may stand in an identifier as it is.
PLAIN = re.compile(r"[A-Za-z0-9_.-]+")


def text(
    export: Export,
    sheet: DataSheet,
    columns: Mapping[str, type],
    files: Mapping[str, str],
    digests: Mapping[str, str],
) -> str:
    """Return the description as JSON, in ASCII.

    Parameters
    ----------
    columns
        The type of each column of the utterances, by name.
    files
        The path of each part's file, relative to the folder.
    digests
        The sha256 of each of these files, by part.
    """
    record = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": _words(f"{export.corpus}: {export.feature}"),
        "description": _description(export, sheet),
        "conformsTo": CONFORMS,
        "citeAs": _words(sheet.sections.get("Who", "")),
        "license": sheet.licence_url or _words(sheet.licence),
        "url": sheet.url,
        "version": __version__,
        "rai:dataLimitations": _words(sheet.sections.get("Traps", "")),
        "distribution": [_file(part, path, digests[part]) for part, path in files.items()],
        "recordSet": [_records(export, part, columns) for part in files],
    }
    return json.dumps({name: value for name, value in record.items() if value}, indent=2) + "\n"


def _description(export: Export, sheet: DataSheet) -> str:
    rows = "frames with their times" if export.framewise else "one row"
    return _words(
        f"{sheet.title}. Of each utterance: who speaks, how it is labelled, and the feature {export.feature} "
        f"({len(export.columns)} columns, {rows}), as affex {__version__} computed it. No recordings. "
        f"Licence of the corpus: {sheet.licence}."
    )


def _file(part: str, path: str, digest: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": f"file-{part}",
        "name": path,
        "description": f"The utterances of the part '{part}', one row each.",
        "contentUrl": path,
        "encodingFormat": "application/x-parquet",
        "sha256": digest,
    }


def _records(export: Export, part: str, columns: Mapping[str, type]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": part,
        "name": part,
        "description": f"The utterances of the part '{part}'.",
        "key": {"@id": f"{part}/id"},
        "field": [*_fields(part, columns), *_fields_of_rows(export, part)],
    }


def _fields(part: str, columns: Mapping[str, type]) -> Iterator[dict[str, Any]]:
    for name, place in zip(columns, identifiers([*columns]), strict=True):
        yield _field(part, name, place, _words(f"The column {name} of the table of utterances."), TYPES[columns[name]])


def _fields_of_rows(export: Export, part: str) -> Iterator[dict[str, Any]]:
    shape = f"-1,{len(export.columns)}" if export.framewise else str(len(export.columns))
    listed = _words(f"The columns of {export.feature}: {', '.join(export.columns[:SHOWN])}")
    more = f" and {len(export.columns) - SHOWN} more (all stand in the table's metadata)"
    about = listed + (more if len(export.columns) > SHOWN else "") + "."
    yield _field(part, FEATURES, FEATURES, about, "cr:Float32") | {"isArray": True, "arrayShape": shape}
    if export.framewise:
        when = "The middle of each frame, in seconds from the utterance's beginning."
        yield _field(part, TIMES, TIMES, when, "cr:Float64") | {"isArray": True, "arrayShape": "-1"}


#: How many columns of a feature the description names.
SHOWN = 40


def _field(part: str, name: str, place: str, about: str, kind: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{part}/{place}",
        "name": _words(name),
        "description": about,
        "dataType": kind,
        "source": {"fileObject": {"@id": f"file-{part}"}, "extract": {"column": name}},
    }


def identifiers(names: Sequence[str]) -> list[str]:
    """Return what stands for columns in identifiers: names of labels may hold any character, and identifiers may not.

    Examples
    --------
    >>> identifiers(["id", "share_a b", "column-1"])
    ['id', 'column-1', 'column-1-2']
    """
    found: list[str] = []
    for number, name in enumerate(names):
        plain = name if PLAIN.fullmatch(name) else f"column-{number}"
        found.append(plain if plain not in found else f"{plain}-{number}")
    return found


def _words(value: str) -> str:
    """Return a text in one line, with escapes for characters that are invisible."""
    return printable(" ".join(value.split()))
