"""Named votes: the arrow from utterances whose raters are known to one matrix of votes."""

from collections.abc import Mapping, Sequence

import numpy as np

from affex.pipeline.evaluation.raters import judgement
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.streams.votes import NamedVotes

#: The common name of the raters of utterances that do not name theirs.
NAMELESS = ""


def named_votes(
    utterances: Sequence[Utterance], class_of: Mapping[str, str], classes: Sequence[str]
) -> NamedVotes | None:
    """Return who chose which class of which utterance; None where no utterance names its raters.

    Votes of utterances that do not name their raters are those of one more rater, `NAMELESS`. A name means one person
    within a corpus: of several corpora, each rater's name begins with the corpus.

    Parameters
    ----------
    class_of
        The class of each label; a label that it lacks is outside the classes, unless a class has its name.
    classes
        The order of the classes.
    """
    if not any(utterance.raters for utterance in utterances):
        return None
    from scipy.sparse import csr_matrix

    several = len({utterance.corpus for utterance in utterances}) > 1
    number_of: dict[str, int] = {}
    rows, columns, values = [], [], []
    for row, utterance in enumerate(utterances):
        names = utterance.raters or (NAMELESS,) * len(utterance.votes)
        for name, vote in zip(names, utterance.votes, strict=True):
            who = f"{utterance.corpus}:{name}" if several and name else name
            first = number_of.setdefault(who, len(number_of)) * len(classes)
            given = judgement(vote, class_of, classes)
            for place in np.flatnonzero(given).tolist():
                rows.append(row)
                columns.append(first + place)
                values.append(given[place])
    shape = (len(utterances), len(number_of) * len(classes))
    matrix = csr_matrix((np.array(values, dtype=np.float64), (rows, columns)), shape)
    return NamedVotes(matrix, tuple(number_of), len(classes))
