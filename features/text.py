"""Text: from an utterance's transcript to counts of its words.

A word is two or more letters or digits in a row, in lower case. Each has a column by its hash (feature hashing:
Weinberger et al., "Feature hashing for large scale multitask learning", 2009, doi:10.1145/1553374.1553516), so that no
vocabulary is learned and no corpus is needed; two words may share a column. What is learned from counts, such as the
weight of a word by how rare it is, a classifier learns inside the fold (`tfidf`).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from affex.features.base import Rows, TextFeature


@dataclass(frozen=True, kw_only=True)
class Text(TextFeature):
    """Counts of the words of the transcript, hashed into columns.

    Parameters
    ----------
    n : int
        How many columns.
    longest : int
        Sequences of up to so many words are counted, too.
    """

    cites: ClassVar[tuple[str, ...]] = ("weinberger2009",)

    packages: ClassVar[tuple[str, ...]] = ("scikit-learn",)

    n: int = 4096
    longest: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.n <= 2**20:
            raise ValueError(f"n={self.n}: expected 1 to {2**20} columns")
        if not 1 <= self.longest <= 5:
            raise ValueError(f"longest={self.longest}: expected 1 to 5 words")

    @property
    def columns(self) -> tuple[str, ...]:
        """``word_0000`` and so on."""
        digits = max(4, len(str(self.n - 1)))
        return tuple(f"word_{number:0{digits}d}" for number in range(self.n))

    def extract(self, text: str) -> Rows:
        """Return the counts, ``(1, n) float32``; zeros for a transcript without a word."""
        from sklearn.feature_extraction.text import HashingVectorizer

        counting = HashingVectorizer(
            n_features=self.n, ngram_range=(1, self.longest), alternate_sign=False, norm=None, dtype=np.float32
        )
        return Rows(counting.transform([text]).toarray())


PRESETS = {"text": Text()}
