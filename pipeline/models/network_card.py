"""The card of a tuned network: the arrow from a weight file's record to a page on what it learned from and is for.

Its sections are those of `pipeline.models.model_card`, as far as a network without decisions of its own has them. All
of it is read from the record in the weight file and from the data sheets of its corpora.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from affex.pipeline.caching.tuned import Tuning
from affex.pipeline.models import model_card
from affex.pipeline.models.model_card import File
from affex.pipeline.specs.data_sheets import DataSheet
from affex.pipeline.text.markdown import code, escaped, table


def text(tuning: Tuning, file: File, sheets: Sequence[DataSheet]) -> str:
    """Return the card.

    Parameters
    ----------
    sheets
        The data sheet of each corpus that it learned from.
    """
    title = f"# Model card: {escaped(file.name)}\n"
    parts = (_details(tuning, file), _use(sheets), _training_data(tuning, sheets), _caveats(tuning, sheets))
    return "\n".join([title, *(line for part in parts for line in part)]) + "\n"


def _details(tuning: Tuning, file: File) -> Iterator[str]:
    begins = f"the weights with the sha256 {code(tuning.start)}" if tuning.start else "random weights"
    yield "## Model details\n"
    yield f"* File: {escaped(file.name)}, {file.size} bytes, sha256 `{file.digest}`."
    yield f"* Network: {code(tuning.network)}, from {begins}. The last layer, which told classes apart, is not kept."
    yield f"* Classes that it learned to tell apart: {', '.join(map(escaped, tuning.classes))}.\n"
    how = {name: getattr(tuning, name) for name in ("epochs", "patience", "rate", "batch", "seed", "device")}
    yield from table(("setting", "value"), how.items())
    yield ""
    yield from table(("package", "version"), tuning.versions.items())


def _use(sheets: Sequence[DataSheet]) -> Iterator[str]:
    yield "\n## Intended use\n"
    yield "Research: numbers from faces or sound, on which a classifier learns. It decides nothing by itself.\n"
    yield from model_card.limits(sheets)
    yield model_card.OUT_OF_SCOPE


def _training_data(tuning: Tuning, sheets: Sequence[DataSheet]) -> Iterator[str]:
    counts = Counter((one.corpus, one.speaker) for one in tuning.utterances)
    yield "\n## Training data\n"
    yield f"{len(tuning.utterances)} utterances of {len(counts)} speakers.\n"
    yield from table(("corpus", "speaker", "utterances"), ((*who, n) for who, n in sorted(counts.items())))
    yield ""
    yield from model_card.corpora(sheets)


def _caveats(tuning: Tuning, sheets: Sequence[DataSheet]) -> Iterator[str]:
    yield "\n## Evaluation\n"
    yield "None. `make evaluate` with this network measures it, and the audit refuses to test it on these speakers.\n"
    yield "## Ethical considerations\n"
    yield from model_card.bound(sheets)
    if tuning.start:
        yield "* The licence of the weights that it began with binds it, too."
