"""Inner folds keep every speaker whole."""

import numpy as np
import pytest

from affex.classifiers.base import inner_folds


@pytest.mark.parametrize(("n_groups", "n_folds"), [(2, 2), (4, 4), (9, 5)])
def test_no_speaker_stands_on_both_sides_and_every_row_is_tested_once(n_groups, n_folds):
    groups = np.random.default_rng(0).permutation(np.repeat(np.arange(n_groups), np.arange(3, 3 + n_groups)))
    found = list(inner_folds(groups))
    assert len(found) == n_folds
    assert all(not set(groups[train]) & set(groups[test]) for train, test in found)
    assert sorted(np.concatenate([test for _, test in found])) == list(range(len(groups)))


def test_one_speaker_cannot_be_told_from_others():
    with pytest.raises(ValueError, match="at least 2 training speakers, found 1"):
        list(inner_folds(np.array(["a", "a"])))
