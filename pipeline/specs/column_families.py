"""Families: the arrow from the names of a feature's columns to groups of columns that vary together.

openSMILE names a column after its low-level descriptor: descriptors of one kind are a family. Their kinds are those of
Weninger et al. for ComParE and of Eyben et al. for GeMAPS. Other names begin with a part (``mouth_00_x``); where they
do not, neighbouring columns make a block.

References
----------
F. Weninger et al., On the acoustics of emotion in audio: what speech, music, and sound have in common,
    doi:10.3389/fpsyg.2013.00292.
F. Eyben et al., The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for voice research and affective computing,
    doi:10.1109/TAFFC.2015.2457417.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

#: The families of openSMILE's low-level descriptors, and how their names begin; the first that fits counts.
SMILE = (
    ("MFCC", r"(pcm_fftMag_)?mfcc"),
    ("RASTA bands", r"audSpec_Rfilt|audspecRasta"),
    ("loudness and energy", r"audspec_|pcm_loudness|pcm_intensity|pcm_RMSenergy|[lL]oudness_|equivalentSoundLevel"),
    ("zero crossings", r"pcm_zcr"),
    ("formants", r"F[123](frequency|bandwidth|amplitude)"),
    ("F0", r"F0"),
    ("voicing", r"voicing|voiceProb"),
    ("voice quality", r"jitter|shimmer|logHNR|HNR|logRelF0"),
    ("mel bands", r"logMelFreqBand"),
    ("line spectral pairs", r"lspFreq"),
    ("spectrum", r"pcm_fftMag|spectralFlux|alphaRatio|hammarbergIndex|slope"),
    ("timing", r"loudnessPeaksPerSec|VoicedSegmentsPerSec|(Mean|Stddev)(V|Unv)oicedSegmentLength"),
)
#: The part of a name before the first of these is its beginning.
SEPARATOR = re.compile(r"[_.\[]")
#: Most groups of one feature; blocks of columns that have no better name.
MOST, BLOCKS = 30, 10


def families(features: Sequence[str], columns: Sequence[str]) -> dict[str, Numbers]:
    """Return groups of columns, by name: every column is in one group.

    Parameters
    ----------
    features
        The features' specs. The columns of several features begin with their spec and a dot.
    columns
        The columns' names.
    """
    by_feature = _by_feature(features, columns)
    if len(by_feature) < 2:
        return _of_feature(columns)
    inside = {
        feature: _of_feature([columns[place].removeprefix(f"{feature}.") for place in own])
        for feature, own in by_feature.items()
    }
    if sum(map(len, inside.values())) > MOST:
        return by_feature
    return {
        f"{feature}: {name}" if len(groups) > 1 else feature: by_feature[feature][places]
        for feature, groups in inside.items()
        for name, places in groups.items()
    }


def _by_feature(features: Sequence[str], columns: Sequence[str]) -> dict[str, Numbers]:
    """Return the columns of each feature; empty if some column names none."""
    longest = sorted(features, key=len, reverse=True)
    names = [next((name for name in longest if column.startswith(f"{name}.")), "") for column in columns]
    return _grouped(names) if all(names) else {}


def _of_feature(columns: Sequence[str]) -> dict[str, Numbers]:
    for named in (_smile, _beginnings):
        names = named(columns)
        if all(names) and 1 < len(set(names)) <= MOST:
            return _grouped(names)
    return _grouped(columns) if len(columns) <= MOST else _blocks(columns)


def _smile(columns: Sequence[str]) -> list[str]:
    return [next((name for name, beginning in SMILE if re.match(beginning, column)), "") for column in columns]


def _beginnings(columns: Sequence[str]) -> list[str]:
    return [SEPARATOR.split(column, maxsplit=1)[0] for column in columns]


def _blocks(columns: Sequence[str]) -> dict[str, Numbers]:
    parts = np.array_split(np.arange(len(columns)), BLOCKS)
    return {f"{columns[part[0]]} to {columns[part[-1]]}": part for part in parts}


def _grouped(names: Sequence[str]) -> dict[str, Numbers]:
    """Return the places of each name, in the order of first occurrence."""
    found: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        found.setdefault(name, []).append(place)
    return {name: np.array(places, dtype=np.int64) for name, places in found.items()}
