"""Fingerprints compared: closed forms on rows of random numbers, then sounds (recordings are test_audit's business)."""

import numpy as np
import pytest
from copies import TREATMENTS, prints_of, voice, write_copy

from affex.pipeline import media
from affex.pipeline.evaluation import duplicates
from affex.pipeline.manifest.utterance import Media


@pytest.fixture(scope="module")
def voices():
    return [voice(seed) for seed in range(6)]


def noise(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 32)).astype(np.float32)


def find(*utterances):
    return duplicates.find(np.concatenate(utterances), np.cumsum([0, *map(len, utterances)]))


def test_a_clip_is_found_wherever_silence_moved_it():
    padded = np.pad(noise(100), ((13, 40), (0, 0)))
    (match,) = find(noise(100), noise(120, seed=1), padded)
    assert (match.first, match.second) == (0, 2)
    assert match.similarity == pytest.approx(1)
    assert match.share == pytest.approx(1)
    assert match.seconds == pytest.approx(100 * 0.016)
    assert match.is_whole


def test_a_part_is_an_overlap_and_its_share_is_that_of_the_longer():
    whole = noise(200)
    (match,) = find(whole, whole[120:170])
    assert match.share == pytest.approx(np.square(whole[120:170]).sum() / np.square(whole).sum(), rel=1e-5)
    assert match.seconds == pytest.approx(50 * 0.016)
    assert not match.is_whole


def test_a_part_of_less_than_half_a_second_says_nothing():
    assert len(find(noise(200), noise(200)[100:132])) == 1
    assert not find(noise(200), noise(200)[100:131])


@pytest.mark.parametrize(("n", "found"), [(62, 0), (64, 1)])
def test_what_sounds_for_less_than_a_second_has_to_be_nearly_equal(n, found):
    """Of 5 rows 4 are the same, so they correlate by 0.8: as short turns may by chance, and longer ones do not."""
    one, other = noise(n), noise(n, seed=1)
    same = n * 4 // 5
    assert len(find(one, np.concatenate([one[:same], other[same:]]))) == found
    assert len(find(one, np.concatenate([one[:-2], other[-2:]]))) == 1


def test_parts_that_have_too_little_in_common_are_not_found():
    assert len(find(noise(200)[:120], noise(200)[50:])) == 1
    assert not find(noise(200)[:120], noise(200)[80:])


def test_silence_matches_nothing_and_cannot_be_compared():
    silence, empty, short = np.zeros((100, 32), np.float32), noise(0), noise(11)
    utterances = (silence, silence, empty, empty, short, short, noise(12))
    assert not find(*utterances)
    held = duplicates.comparable(np.concatenate(utterances), np.cumsum([0, *map(len, utterances)]))
    assert held.tolist() == [False] * 6 + [True]
    assert not find(empty)


def test_the_similarity_is_the_largest_correlation_over_all_shifts():
    one, other = noise(30) + 1, noise(40, seed=1) - 0.5
    expected = []
    for shift in range(-39, 30):
        a = one[max(0, shift) : min(30, shift + 40)]
        b = other[max(0, -shift) : max(0, -shift) + len(a)]
        shares = np.square(a).sum() / np.square(one).sum(), np.square(b).sum() / np.square(other).sum()
        if max(shares) >= 0.5:
            expected.append(((a * b).sum() / np.sqrt(np.square(a).sum() * np.square(b).sum()), min(shares)))
    match = duplicates.compared([one, other], 0, 1)
    assert (match.similarity, match.share) == pytest.approx(max(expected), rel=1e-5)


def test_many_clips_are_compared_block_by_block(monkeypatch):
    utterances = [noise(60, seed=n % 5) for n in range(12)]
    pairs = [(match.first, match.second) for match in find(*utterances)]
    assert pairs == [(a, b) for a in range(12) for b in range(a + 1, 12) if a % 5 == b % 5]
    monkeypatch.setattr(duplicates, "BLOCK", 3)
    assert [(match.first, match.second) for match in find(*utterances)] == pairs


@pytest.mark.parametrize(("X", "offsets"), [(np.zeros((4, 31)), [0, 4]), (np.zeros((4, 32)), [0, 3])])
def test_other_features_are_refused(X, offsets):
    with pytest.raises(ValueError, match=r"expected fingerprints, \(n_rows, 32\)"):
        duplicates.find(X, np.array(offsets))


@pytest.mark.parametrize("how", TREATMENTS)
def test_a_copy_is_found_among_other_clips(how, voices, tmp_path):
    copy = write_copy(tmp_path / "copy", voices[4], 16000, TREATMENTS[how])
    decoded = media.decode_audio(tmp_path, Media(copy.name), 16000, 60.0).samples
    (match,) = duplicates.find(*prints_of([*voices, decoded]))
    assert (match.first, match.second) == (4, 6)
    assert match.is_whole


def test_how_soft_a_copy_may_be(voices):
    """What 16 bits round away is left out, so a fingerprint depends on the level of what is quiet already."""
    quiet = voices[2] / np.sqrt(np.square(voices[2]).mean()) * 10 ** (-45 / 20)  # 45 dB below full scale

    def similarity(gain):
        copy = np.round(quiet * 10 ** (gain / 20) * 2**15) / 2**15
        X, offsets = prints_of([quiet, copy])
        return duplicates.compared(duplicates.split(X, offsets), 0, 1).similarity

    found = [similarity(gain) for gain in (0, -10, -20, -40)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.95
    assert found[1] > duplicates.SIMILAR
    assert found[3] < duplicates.SIMILAR  # missed, and said to be
