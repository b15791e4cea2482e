"""The card of an exported folder: the arrow from an export and its corpus's data sheet to the folder's ``README.md``.

A header in YAML, as the Hugging Face Hub reads it (https://huggingface.co/docs/hub/datasets-cards), then Markdown. Text
of users (labels, names of tables, reasons) is escaped.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from affex.pipeline.exchange.nested import FEATURES, TIMES
from affex.pipeline.exchange.record import Export
from affex.pipeline.specs.data_sheets import DataSheet
from affex.pipeline.text.markdown import code, escaped, table
from affex.pipeline.text.printable import printable

#: The distribution whose licence also covers the features that it computes.
OPENSMILE = "opensmile"
#: The Hub's words for the number of rows, with the largest number of each.
SIZES = {"n<1K": 10**3, "1K<n<10K": 10**4, "10K<n<100K": 10**5, "100K<n<1M": 10**6, "1M<n<10M": 10**7}


def text(export: Export, sheet: DataSheet, files: Mapping[str, str]) -> str:
    """Return the card.

    Parameters
    ----------
    files
        The path of each part's file, relative to the folder.
    """
    import yaml

    header = yaml.safe_dump(_header(export, sheet, files), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{header}---\n\n" + "\n".join(_body(export, sheet, files)) + "\n"


def _header(export: Export, sheet: DataSheet, files: Mapping[str, str]) -> dict[str, object]:
    own = {} if sheet.licence_id != "other" else {"license_name": printable(sheet.licence)}
    data = [{"split": part, "path": path} for part, path in files.items()]
    n = len(export.utterances)
    return {
        "pretty_name": printable(f"{export.corpus}: {export.feature}"),
        "license": sheet.licence_id,
        **own,
        **({"license_link": sheet.licence_url or sheet.url} if sheet.licence_url or sheet.url else {}),
        "tags": ["affex", "emotion", "features", "croissant"],
        "size_categories": [next((words for words, most in SIZES.items() if n < most), "n>10M")],
        "configs": [{"config_name": "default", "data_files": data}],
    }


def _body(export: Export, sheet: DataSheet, files: Mapping[str, str]) -> Iterator[str]:
    yield f"# {escaped(export.feature)} of {escaped(export.corpus)}\n"
    yield from _what(export, sheet)
    yield from _licence(export, sheet)
    yield from _how_to_read(export, files)
    yield from _counts(export, files)
    yield from _origin(export)
    for heading, paragraphs in sheet.sections.items():
        # A section is of affex itself; its code stands between two backticks each.
        yield f"\n## The corpus: {heading.lower()}\n\n{paragraphs.replace('``', '`')}"


def _what(export: Export, sheet: DataSheet) -> Iterator[str]:
    rows = "frames, each with its time" if export.framewise else "one row an utterance"
    yield f"{escaped(sheet.title)}: one record an utterance, with its speaker, its labels, and the feature"
    yield f"{code(export.feature)} ({len(export.columns)} columns, {rows}). It holds no recordings."


def _licence(export: Export, sheet: DataSheet) -> Iterator[str]:
    yield "\n## Licence\n"
    yield f"Of the corpus: {escaped(sheet.licence)}. Source: {escaped(sheet.source)}."
    yield "Labels, transcripts and numbers that were computed from recordings may be bound by the same terms, and"
    yield "numbers may reveal who speaks. Read the terms before you pass this folder on."
    if OPENSMILE in export.provenance.get("versions", {}):
        yield "\nThe feature was computed by openSMILE, whose licence (audEERING Research License) names features that"
        yield "the software extracted, too: research, teaching and private use only."


def _how_to_read(export: Export, files: Mapping[str, str]) -> Iterator[str]:
    part = next(iter(files))
    last = 'record["features"], record["times"]' if export.framewise else 'record["features"]'
    yield "\n## How to read it\n\n```python\nimport datasets\n"
    yield 'data = datasets.load_dataset("folder of this file")'
    yield f'record = data["{part}"][0]\nrecord["id"], record["speaker"], record["label"], {last}\n```\n'
    yield f"`{FEATURES}` is null where an utterance has no rows; `failure` says why. The names of its columns stand in"
    yield "the metadata `affex` of each Parquet file, as JSON under `columns`."
    if export.framewise:
        yield f"`{TIMES}` are the middles of frames, in seconds from the utterance's beginning."
    yield "`croissant.json` describes the same files (https://mlcommons.org/croissant)."
    yield "\nUtterances of one speaker are alike: in any split of your own, let no speaker stand on two sides."
    if len(files) == 1:
        yield f"The one part, `{part}`, is no split of the corpus, only the usual name for all data."


def _counts(export: Export, files: Mapping[str, str]) -> Iterator[str]:
    speakers = {utterance.speaker for utterance in export.utterances} - {""}
    labels = Counter(utterance.label for utterance in export.utterances)
    yield "\n## Counts\n"
    yield f"{len(export.utterances)} utterances of {len(speakers)} named speakers; {export.n_utterances} have rows,"
    yield f"{export.n_rows} rows in all. Parts: {', '.join(files)}.\n"
    named = sorted((label, count) for label, count in labels.items() if label is not None)
    yield from table(("label", "utterances"), [*named, *([("no label", labels[None])] if labels[None] else [])])


def _origin(export: Export) -> Iterator[str]:
    yield "\n## Where the numbers come from\n"
    provenance = {**export.provenance, **export.provenance.get("versions", {})}
    rows = [(name, value) for name, value in provenance.items() if name not in ("versions", "spec")]
    yield from table(("", "value"), rows)
