"""openSMILE's standard sets: from an utterance to functionals of the whole utterance, or to its low-level descriptors.

Computed by openSMILE itself (Eyben, Wöllmer and Schuller 2010, doi:10.1145/1873951.1874246) from the configurations in
its Python package. Values equal those of ``opensmile.Smile.process_signal`` bit for bit, with two exceptions: a sample
of +1.0 becomes the largest 16-bit value instead of wrapping round to -1.0, and an utterance that is too short for the
set is an error instead of a row of NaN. Sources of the sets:

* ComParE_2016: Schuller et al., Interspeech 2016, doi:10.21437/Interspeech.2016-129
* GeMAPS and eGeMAPS: Eyben et al. 2016, doi:10.1109/TAFFC.2015.2457417
* emobase: the openEAR toolkit, Eyben, Wöllmer and Schuller, ACII 2009
* IS09 to IS13: the challenges of Interspeech 2009 (emotion, doi:10.21437/Interspeech.2009-103), 2010
  (paralinguistics, p. 2794), 2011 (speaker state, p. 3201), 2012 (speaker trait, p. 254) and 2013 (ComParE)

openSMILE's licence allows research and private use only.
"""

import re
import tempfile
import warnings
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from affex.features.base import AudioFeature, ExtractionError, Rows, Signal, Values, require_length

Level = Literal["functionals", "lld"]

#: The sets by their names in ``opensmile.FeatureSet``.
SETS = (
    "ComParE_2016",
    "GeMAPSv01a",
    "GeMAPSv01b",
    "eGeMAPSv01a",
    "eGeMAPSv01b",
    "eGeMAPSv02",
    "emobase",
    "IS09",
    "IS10",
    "IS11",
    "IS12",
    "IS13",
)

#: The sink that returns the rows. openSMILE's own (standard_external_data_output_single.conf.inc) searches all column
#: names for each column, for every utterance: a fifth of the time for ComParE's 6373. Here a row is first copied into
#: one array, which has a single name.
_SINK = r"""
[componentInstances:cComponentManager]
instance[row].type=cVectorConcat
instance[extsink].type=cExternalSink

[row:cVectorConcat]
reader.dmLevel = \cm[sinkLevel{func}:level]
writer.dmLevel = row
processArrayFields = 0
preserveFieldNames = 0

[extsink:cExternalSink]
reader.dmLevel = row
blocksize = 1
"""


#: The setting of frames in a configuration, if it is in seconds; functionals have 0 for the whole utterance.
_FRAME_SIZE = re.compile(r"^(frameSize\s*=\s*)0\.\d+", re.MULTILINE)
_FRAME_STEP = re.compile(r"^(frameStep\s*=\s*)0\.\d+", re.MULTILINE)


@dataclass(frozen=True)
class Framing:
    """The length and step of frames that replace those of a set.

    Parameters
    ----------
    window, hop : float, s
    """

    window: float
    hop: float


@dataclass(frozen=True, kw_only=True)
class Smile(AudioFeature):
    """A standard set of openSMILE: functionals or low-level descriptors.

    Parameters
    ----------
    set : str
        One of `SETS`.
    level : "functionals" or "lld"
        One row per utterance, or its low-level descriptors (LLD) every 10 ms. The time of an LLD row is the middle of
        the frame that openSMILE reports, which is the frame of the set's first descriptor: ComParE's pitch uses 60 ms,
        its spectra the first 20 ms of them.
    """

    packages: ClassVar[tuple[str, ...]] = ("opensmile",)

    set: str = "ComParE_2016"
    level: Level = "functionals"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.set not in SETS:
            raise ValueError(f"set={self.set}: expected one of {', '.join(SETS)}")
        if self.level not in get_args(Level):
            raise ValueError(f"level={self.level}: expected {' or '.join(get_args(Level))}")

    @property
    def about(self) -> str:
        """A description with the set and the level."""
        level = "low-level descriptors of every frame" if self.framewise else "functionals of the whole utterance"
        return f"openSMILE {self.set}: {level}"

    @property
    def phrase(self) -> str:
        """The set and the level, in words."""
        return f"{self.set} {'low-level descriptors' if self.framewise else 'functionals'} (openSMILE)"

    @property
    def cites(self) -> tuple[str, ...]:  # type: ignore[override]
        """openSMILE, and the source of the set where it has an address."""
        return ("eyben2010", *(key for begins, key in SOURCES.items() if self.set.startswith(begins)))

    @property
    def shortest(self) -> float:
        """What the set and the level need, s."""
        return least_samples(self.set, self.level, self.rate) / self.rate

    @property
    def framewise(self) -> bool:
        """Whether the rows are low-level descriptors."""
        return self.level == "lld"

    @property
    def columns(self) -> tuple[str, ...]:
        """The column names of openSMILE."""
        return _columns(self.set, self.level)

    def extract(self, signal: Signal) -> Rows:
        """Compute the functionals, or the descriptors of every frame.

        Raises
        ------
        ExtractionError
            If the utterance is too short for the set, or openSMILE returns a value that is not finite.
        RuntimeError
            If openSMILE fails.
        """
        values, times = computed(signal, self.set, self.level)
        return Rows(values, times if self.framewise else None)


def computed(
    signal: Signal, set_: str, level: Level, framing: Framing | None = None
) -> tuple[Values, NDArray[np.float64]]:
    """Return the rows that openSMILE computes for an utterance, and their times.

    Parameters
    ----------
    set_
        One of `SETS`.
    framing
        The frames of all descriptors; None for the frames of the set, which may differ between descriptors.

    Returns
    -------
    values : (n_rows, n_columns) float32
    times : (n_rows,) float64, s
        The middle of each row's frame.

    Raises
    ------
    ExtractionError
        If the utterance is too short for the set, or openSMILE returns a value that is not finite.
    RuntimeError
        If openSMILE fails.
    """
    values, times = _run_aside(set_, level, signal.rate, _pcm16(signal.samples), framing)
    if not len(values):
        require_length(signal, least_samples(set_, level, signal.rate, framing), f"{set_} ({level})")
    if not len(values) or not np.isfinite(values).all():
        raise ExtractionError(f"openSMILE returned numbers that are not finite for {set_} ({level})")
    return values, times


@cache
def least_samples(set_: str, level: Level, rate: int, framing: Framing | None = None) -> int:
    """Return the fewest samples for which openSMILE returns a row, at most one second's.

    It depends on the frame, the smoothing and the deltas, and no configuration states it: it is found by trying.
    """

    def is_enough(n_samples: int) -> bool:
        return len(_run_aside(set_, level, rate, bytes(2 * n_samples), framing)[0]) > 0

    return bisect_left(range(rate), True, key=is_enough)


def _pcm16(samples: Values) -> bytes:
    """Return the samples as 16-bit integers for openSMILE; truncated, not rounded, as in ``process_signal``."""
    in_range = np.clip(samples, -1.0, 32767 / 32768)
    return (in_range * np.float32(32768)).astype(np.int16).tobytes()


def _run_aside(
    set_: str, level: Level, rate: int, pcm: bytes, framing: Framing | None
) -> tuple[Values, NDArray[np.float64]]:
    """Run openSMILE on a separate thread, and wait for it.

    Python raises Ctrl-C on the main thread. If openSMILE ran there, the exception could occur in the callback that
    receives the rows, where ctypes would drop it together with a row.
    """
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(_run, set_, level, rate, pcm, framing).result()


def _run(set_: str, level: Level, rate: int, pcm: bytes, framing: Framing | None) -> tuple[Values, NDArray[np.float64]]:
    """Return the rows ``(n_rows, n_columns)`` and the middle of each row's frame, s."""
    from opensmile.core.config import config
    from opensmile.core.lib import OpenSmileException

    rows: list[Values] = []
    middles: list[tuple[float, float]] = []

    def take(row: Values, frame: Any) -> None:
        rows.append(row[0].copy())
        middles.append((frame.time + frame.lengthSec / 2, frame.period))

    try:
        with _instance(set_, level, rate, framing) as smile:
            smile.external_sink_set_callback_ex(config.EXTERNAL_OUTPUT_COMPONENT, take)
            if pcm and not smile.external_audio_source_write_data(config.EXTERNAL_SOURCE_COMPONENT, pcm):
                raise RuntimeError("openSMILE did not accept the audio")
            smile.external_audio_source_set_eoi(config.EXTERNAL_SOURCE_COMPONENT)
            smile.run()
    except OpenSmileException as error:
        raise RuntimeError(f"openSMILE failed with {set_} ({level}) at {rate} Hz: {error}") from error
    # Computed from the first time, since openSMILE repeats the last frame's time for the rows that it flushes.
    first, period = middles[0] if middles else (0.0, 0.0)
    return np.array(rows, dtype=np.float32), first + period * np.arange(len(rows), dtype=np.float64)


@contextmanager
def _instance(set_: str, level: Level, rate: int, framing: Framing | None) -> Iterator[Any]:
    """Lend an openSMILE instance to one run; an instance that failed is not used again."""
    idle = _idle(set_, level, rate, framing)
    try:
        smile = idle.pop()
    except IndexError:
        smile = _new_instance(set_, level, rate, framing)
    try:
        yield smile
        smile.reset()
        smile._callbacks.clear()  # callbacks of the finished run still hold its rows
    except BaseException:
        smile.free()
        raise
    idle.append(smile)


@cache
def _idle(set_: str, level: Level, rate: int, framing: Framing | None) -> deque[Any]:  # noqa: ARG001 (the key)
    """Return this process's idle instances, at most as many as ever ran at once."""
    return deque()


def _new_instance(set_: str, level: Level, rate: int, framing: Framing | None) -> Any:
    from opensmile.core.config import config
    from opensmile.core.lib import OpenSMILE

    description = _description(set_, level)
    root, configuration = Path(description.default_config_root), Path(description.config_path)
    smile = OpenSMILE()
    with tempfile.TemporaryDirectory() as folder:
        sink = Path(folder, "sink.conf.inc")
        sink.write_text(_SINK, encoding="ascii")
        if framing is not None:
            configuration = _reframed(root, Path(folder, "config"), framing) / configuration.relative_to(root)
        options = {
            "source": root / config.EXTERNAL_INPUT_CONFIG,
            "sink": sink,
            "sinkLevel": description.feature_level.value,
            "sampleRate": rate,
            "nBits": 16,
            "bufferModeRbConf": root / "shared/BufferModeRb.conf.inc",
            "frameModeFunctionalsConf": root / "shared/FrameModeFunctionals.conf.inc",
        }
        smile.initialize(str(configuration), options)
    return smile


def _reframed(root: Path, copy: Path, framing: Framing) -> Path:
    """Copy openSMILE's configurations with other frames; the copy is needed while an instance is created."""
    for source in root.rglob("*.conf*"):
        # Their comments have different encodings.
        text = source.read_text(encoding="latin-1")
        text = _FRAME_SIZE.sub(rf"\g<1>{framing.window:.9f}", text)
        text = _FRAME_STEP.sub(rf"\g<1>{framing.hop:.9f}", text)
        target = copy / source.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="latin-1")
    return copy


@cache
def _columns(set_: str, level: Level) -> tuple[str, ...]:
    return tuple(_description(set_, level).column_names)  # reading its index takes as long as an utterance


@cache
def _description(set_: str, level: Level) -> Any:
    """Return the ``opensmile.Smile`` with the files and column names of a set."""
    import opensmile

    levels = {
        "functionals": opensmile.FeatureLevel.Functionals,
        "lld": opensmile.FeatureLevel.LowLevelDescriptors,
    }
    try:
        with warnings.catch_warnings():
            # It warns about older versions of a set; here the user chose the version.
            warnings.simplefilter("ignore", UserWarning)
            return opensmile.Smile(opensmile.FeatureSet[set_], levels[level])
    except UnicodeEncodeError as error:
        raise RuntimeError(
            f"openSMILE reads its configuration only from paths in plain ASCII, but it is installed in "
            f"{Path(opensmile.__file__).parent}: move the checkout to a folder without accents or umlauts"
        ) from error


#: What a set cites besides openSMILE, by the beginning of its name; keys of ``pipeline/publishing/references.toml``.
SOURCES = {"ComParE": "schuller2016", "eGeMAPS": "eyben2016", "GeMAPS": "eyben2016", "IS09": "schuller2009"}

_SUFFIXES: dict[str, Level] = {"": "functionals", "-lld": "lld"}

_PRESET_SETS = {
    "compare": "ComParE_2016",
    "egemaps": "eGeMAPSv02",
    "gemaps": "GeMAPSv01b",
    "emobase": "emobase",
    "is09": "IS09",
    "is10": "IS10",
    "is11": "IS11",
    "is12": "IS12",
    "is13": "IS13",
}

PRESETS: dict[str, AudioFeature] = {
    name + suffix: Smile(set=set_, level=level)
    for suffix, level in _SUFFIXES.items()
    for name, set_ in _PRESET_SETS.items()
}
