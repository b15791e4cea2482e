"""Write docs/systems.md from the files of the systems, and from their comparison on EMO-DB.

::

    .venv/bin/python tools/systems_page.py
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.significance import Comparison
from affex.pipeline.reporting import tables
from affex.pipeline.reporting.compared import Compared
from affex.pipeline.storage.records import restored
from affex.pipeline.systems.listing import ListedSystem, listed
from affex.pipeline.systems.system import Ours

PAGE = Path(__file__).resolve().parents[1] / "docs" / "systems.md"
COMPARED = PAGE.with_name("systems_on_emodb.json")

HEAD = """\
# Published systems by name

<!-- tools/systems_page.py writes this page from pipeline/systems/*.toml and docs/systems_on_emodb.json; edit those. -->

A published system is a name for settings: features, classifier, fusion, protocol, target and classes.

```sh
make systems
make features SYSTEM=tripathi2018-lstm DATASET=demo
make evaluate SYSTEM=tripathi2018-lstm DATASET=demo
make evaluate SYSTEM=tripathi2018-lstm DATASET=demo PROTOCOL=group-k:k=2
```

What is set beside the name has priority, and the results say that it was. A system runs on any corpus that has what it
needs, and says what is missing on one that has not. The protocol in its file holds for the corpora for which it was
made; on others it is the corpus's first. `affex list systems --json` prints all of this as one document.

Rows are letters and numbers of the source documents: A is a survey of audio-visual work on IEMOCAP, B the EmotiW 2019
paper, C a project on RAVDESS, D a thesis on OMG-Emotion. `works` means that the command runs, with the differences that
are named; it does not mean that it reaches the published figure. Our figures have their intervals over speakers (95 %).
With a star, an interval includes that other training speakers would give another model. The others were measured before
affex had such intervals: they take the models as given, and are narrower.
Most are on **made labels**: they show that a system runs and learns, and say nothing about people. No published figure
and figure of ours were measured on the same data.

`needs weights` means that a network's file is published, or yours, and was not at hand: FILE and FOLDER stand for it.
Figures on **made weights**, random numbers of the network's shapes, show only that the system runs:

    .venv/bin/python tools/made_weights.py FOLDER alexnet resnet50
"""


def page() -> str:
    """Return the text of the page."""
    found = listed()
    return "\n".join([HEAD, *_table(found), "", *_beside(found), "", *_details(found)])


def _table(found: tuple[ListedSystem, ...]) -> Iterator[str]:
    yield "| row | system | what it is | published | ours, or why there is none |"
    yield "| --- | --- | --- | --- | --- |"
    for one in found:
        published = _joined(one.published.figure, one.published.corpus)
        ours = "; ".join(f"{figure} on {figure.data}" for figure in one.ours)
        if one.status == "works":
            status = "" if ours else "no figure yet: it was tried in parts only"
        else:
            status = f"**{one.status}**" if ours else f"**{one.status}**: {one.reason}"
        yield f"| {one.row} | `{one.name}` | {one.title} | {published} | {'; '.join(filter(None, [status, ours]))} |"


def _beside(found: tuple[ListedSystem, ...]) -> Iterator[str]:
    """Yield the section in which systems are compared with an SVM on one corpus."""
    read = json.loads(COMPARED.read_text(encoding="utf-8"))
    compared, commands, said = restored(Compared, read["comparison"]), read["commands"], read["said"]
    base = next(run for run in compared.runs if run.name == compared.against)
    others = [run for run in compared.runs if run is not base]
    pairs = {pair.one: pair for pair in compared.pairs}
    listed_as, title = {one.name: one for one in found}, compared.known.title
    n, unit = compared.n_clusters, compared.unit
    yield f"## On {said}, beside an SVM\n"
    yield (
        f"These systems need sound only. Each was evaluated with the protocol {compared.protocol.name} and the seed 0, "
        f"and compared with an RBF-SVM on ComParE's functionals. All runs tested {compared.n_utterances} utterances of "
        f"{n} {unit}s. Intervals are over {unit}s (95 %). p is that of the paired permutation test over {unit}s, with "
        f"Holm's correction for these {len(others)} pairs; {compared.least_p:.4f} is the least that {n} {unit}s allow "
        "before the correction. A network has one seed here, and another one moves its figure.\n"
    )
    yield from (f"    {command}" for command in commands)
    yield ""
    yield f"| row | system | {title} | less the SVM's | Holm p | verdict | computed |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    yield f"| | SVM on ComParE | {_figure(base.figure)} | | | | |"
    rows = zip(read["systems"], others, strict=True)
    for name, run in sorted(rows, key=lambda row: [*listed_as].index(row[0])):
        pair = pairs[run.name]
        difference = tables.signed(pair.difference.value, pair.difference.low, pair.difference.high)
        ours = next(one for one in listed_as[name].ours if one.data.startswith(said))
        but = ours.data.removeprefix(said).replace(", ", " (", 1)
        yield (
            f"| {listed_as[name].row} | `{name}`{but}{')' * bool(but)} | {_figure(run.figure)} | {difference} | "
            f"{tables.probability(pair.p_holm)} | {_verdict(pair)} | {ours.seconds} s |"
        )


def _figure(figure: Interval) -> str:
    return f"{tables.number(figure.value)} {tables.ends_of(figure)}"


def _verdict(pair: Comparison) -> str:
    """Return the verdict on a system beside the base, which is the second of the pair."""
    return {pair.one: "better", pair.other: "worse"}.get(pair.winner or "", pair.verdict)


def _details(found: tuple[ListedSystem, ...]) -> Iterator[str]:
    yield "## What each is, and what differs from the source"
    for one in found:
        if one.command is None:
            continue
        yield f"\n### {one.row}: `{one.name}`\n"
        yield f"{one.title}. {one.paper}{_identified(one.doi)}. Needs {', '.join(one.needs)}.\n"
        yield f"    {one.command}\n"
        yield from (f"* {name} = `{value}`" for name, value in one.settings.items())
        yield from (f"* {corpus}: {_settings(settings)}" for corpus, settings in one.corpora.items() if settings)
        if one.published.protocol:
            yield f"* the source's protocol: {one.published.protocol}"
        if one.parameters:
            yield f"* {_parameters(one)}"
        if one.reason:
            yield f"* **{one.status}**: {one.reason}"
        yield from map(_measured, one.ours)
        yield "\nDifferences:\n"
        yield from (f"* {sentence}" for sentence in one.differs)


def _settings(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name} = `{value}`" for name, value in settings.items())


def _parameters(one: ListedSystem) -> str:
    source = f"; the source's has {one.published.parameters:,}" if one.published.parameters else ""
    return f"the network has {one.parameters:,} parameters{source}".replace(",", " ")


def _measured(one: Ours) -> str:
    return f"* {one} on {one.data}, {one.seconds} s: `{one.command}`"


def _identified(doi: str) -> str:
    prefix = "" if doi.startswith("arXiv") else "doi:"
    return f", {prefix}{doi}" if doi else ""


def _joined(*words: str) -> str:
    return ", ".join(filter(None, words))


if __name__ == "__main__":
    PAGE.write_text(page() + "\n", encoding="utf-8")
    print(PAGE)
