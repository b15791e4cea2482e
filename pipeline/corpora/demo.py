"""Corpus ``demo``: a synthetic corpus, made when it is needed -> utterances.

What
    160 audio-visual utterances of 1.2 to 1.8 s: 8 speakers, 4 emotions (anger, happiness, neutral, sadness), 5
    takes. It exists so that the whole pipeline can be tried in a minute, without a download and on a machine
    without recordings. It says nothing about people: figures on it only show that the pipeline runs.
Who
    No person speaks. The voice is a source-filter synthesis: the glottal pulse of Klatt and Klatt (1990,
    doi:10.1121/1.398894) with aspiration noise and a spectral tilt, through five formants with the vowel means of
    Peterson and Barney (1952, doi:10.1121/1.1906875). Emotions move mean and range of the pitch, tempo, level,
    spectral tilt and breathiness in the directions that Juslin and Laukka (2003,
    doi:10.1037/0033-2909.129.5.770) report, and the formants as in smiling (Tartter 1980,
    doi:10.3758/BF03199901); the size of these changes is our choice. The face is the portrait of an astronaut that
    scikit-image ships (``skimage.data.astronaut``, NASA, public domain), bent by Gaussian displacements: brows
    and mouth by emotion, shape and colour by speaker, the jaw by loudness.
Licence
    The portrait is in the public domain, the rest is made by this file: no terms.
Files
    ``<speaker>_<emotion>_<take>.avi``: 16 kHz mono 16-bit PCM and 192 x 192 MPEG-4 video at 12 frames/s; and
    ``demo.json``, written last, with the version and the seed of this recipe.
Traps
    Speakers differ in everything that an emotion changes, and in how strongly and in which way they express emotions.
    So leaving a speaker out is hard on purpose.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from affex.pipeline.corpora.base import Corpus, require_folder
from affex.pipeline.corpora.example_tree import lay, lay_text
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.storage.atomic import temporary
from affex.pipeline.storage.files import content
from affex.pipeline.text.errors import CorpusError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The utterances depend on this recipe. Increase the version whenever they change: older folders are then made again.
RECIPE = {"version": 2, "seed": 2024}

N_SPEAKERS = 8
N_TAKES = 5
N_SYLLABLES = 6
RATE = 16_000  # Hz
FRAME_RATE = 12  # frames/s
SIDE = 192  # px

# The changes of a voice by an emotion, a speaker and a single utterance, in this order: pitch (semitones), its range
# (octaves of semitones), tempo (octaves), level (dB), brightness (octaves of the source's low-pass), breathiness
# (octaves of noise against pulse), formants (octaves).
EMOTIONS = {
    "anger": (2.0, 0.5, 0.15, 6.0, 1.0, -0.6, -0.02),
    "happiness": (5.0, 0.9, 0.10, 3.0, 0.2, 0.2, 0.08),
    "neutral": (0.0, 0.0, 0.00, 0.0, 0.0, 0.0, 0.00),
    "sadness": (-1.0, -0.8, -0.20, -5.0, -0.8, 0.8, -0.03),
}
SPEAKER_SPREAD = (0.8, 0.16, 0.05, 1.6, 0.20, 0.24, 0.024)
HABIT_SPREAD = (0.5, 0.12, 0.03, 0.8, 0.16, 0.16, 0.012)  # a speaker's own way with each emotion
UTTERANCE_SPREAD = (0.5, 0.12, 0.03, 0.8, 0.12, 0.12, 0.008)

# F1, F2, F3 in Hz, men's means (Peterson and Barney 1952, table II).
VOWELS = (
    (270, 2290, 3010),
    (530, 1840, 2480),
    (660, 1720, 2410),
    (730, 1090, 2440),
    (570, 840, 2410),
    (300, 870, 2240),
)
UPPER_FORMANTS = (3300, 3750)  # Hz, F4 and F5 of the synthesiser of Klatt (1980, doi:10.1121/1.383940)
BANDWIDTHS = (60, 90, 150, 250, 300)  # Hz
WOMEN_FORMANTS = 1.16  # women's formants over men's, about what Peterson and Barney's means give

# The part of the portrait that is used (rows, columns), where in it the parts of the face are (x, y in px), and
# where each emotion moves them (right, down, in px). Only the right half is listed, the left one is its mirror
# image. The portrait smiles: all but happiness have to undo that.
PORTRAIT = (slice(0, 256), slice(96, 352))
PORTRAIT_CENTRE = (128, 124)
PORTRAIT_ZOOM = 1.3
MIRROR = 129  # x of the nose
PARTS = ((142, 92), (150, 142), (MIRROR, 140), (MIRROR, 150))  # brow, mouth corner, upper lip, lower lip
PART_WIDTH = 9  # px, standard deviation of a displacement
CHEEK, EYE, CHIN = (160, 155), (150, 100), (MIRROR, 172)
FACES = {
    "anger": ((-3, 7), (-6, 4), (0, 1), (0, -2)),
    "happiness": ((0, -2), (3, -3), (0, 0), (0, 0)),
    "neutral": ((0, 0), (-4, 3), (0, 3), (0, -3)),
    "sadness": ((-2, -6), (-5, 9), (0, 2), (0, -3)),
}
# Further movements of the parts by a speaker, a speaker's own way with an emotion and a single utterance, px. Without
# them, a face would be classified without errors, and a fusion could not improve anything.
FACE_SPREAD, FACE_HABIT_SPREAD, FACE_UTTERANCE_SPREAD = 1.0, 1.2, 1.2


@dataclass(frozen=True)
class Performance:
    """One performance: speaker, emotion and take; numbers from 0."""

    speaker: int
    emotion: str
    take: int

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"s{self.speaker + 1}_{self.emotion}_{self.take + 1}.avi"

    @property
    def woman(self) -> bool:
        """Whether its voice is a woman's."""
        return self.speaker % 2 == 1

    def speaker_random(self, use: int) -> "np.random.Generator":
        """Return a generator that is the same in all utterances of the speaker, and differs for each use."""
        import numpy as np

        return np.random.default_rng([RECIPE["seed"], use, self.speaker])

    def random(self, use: int) -> "np.random.Generator":
        """Return a generator of this utterance, which differs for each use."""
        import numpy as np

        mood = sorted(EMOTIONS).index(self.emotion)
        return np.random.default_rng([RECIPE["seed"], use, self.speaker, mood, self.take])


PERFORMANCES = tuple(Performance(*which) for which in product(range(N_SPEAKERS), sorted(EMOTIONS), range(N_TAKES)))


def find(root: Path) -> list[Utterance]:
    """Return the utterances that `make` left in a folder."""
    require_folder(root, "demo.json and utterances such as s1_anger_1.avi")
    if not _is_made(root):
        raise CorpusError(
            f"{root} does not hold the demo corpus, whole and of this version: looked for demo.json with {RECIPE} and "
            f"for {len(PERFORMANCES)} utterances such as {PERFORMANCES[0].name}. `make features DATASET=demo` makes it."
        )
    return [_utterance(performance) for performance in PERFORMANCES]


def _utterance(performance: Performance) -> Utterance:
    media = Media(performance.name)
    return Utterance(
        id=Path(performance.name).stem,
        corpus="demo",
        speaker=f"s{performance.speaker + 1}",
        label=performance.emotion,
        audio=media,
        video=media,
        sex="female" if performance.woman else "male",
    )


def make(root: Path) -> None:
    """Make the corpus, unless it is there.

    The marker is written last, so an incomplete folder is made again.

    Raises
    ------
    CorpusError
        If the folder cannot be written.
    """
    if _is_made(root):
        return
    try:
        root.mkdir(parents=True, exist_ok=True)
        _marker(root).unlink(missing_ok=True)
        for performance in PERFORMANCES:
            with temporary(root / performance.name) as file:
                file.write(_avi(performance))
        with temporary(_marker(root)) as file:
            file.write(json.dumps(RECIPE).encode())
    except OSError as error:
        raise CorpusError(f"The demo corpus cannot be written to {root}: {error.strerror or error}.") from error


def _marker(root: Path) -> Path:
    return root / "demo.json"


def _is_made(root: Path) -> bool:
    try:
        recipe = json.loads(content(_marker(root)))
    except (OSError, ValueError):
        return False
    return recipe == RECIPE and all((root / performance.name).is_file() for performance in PERFORMANCES)


def _avi(performance: Performance) -> bytes:
    import av
    import numpy as np

    file = io.BytesIO()
    samples = speech(performance)
    hop = RATE // FRAME_RATE
    frames = face(performance, loudness(samples))
    with av.open(file, "w", format="avi") as container:
        picture = container.add_stream("mpeg4", rate=FRAME_RATE)
        picture.width, picture.height, picture.pix_fmt, picture.bit_rate = SIDE, SIDE, "yuv420p", 400_000
        picture.codec_context.thread_count = 1  # the same bytes on any number of cores
        sound = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for number, frame in enumerate(frames):
            container.mux(picture.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            piece = np.round(32767 * samples[number * hop : (number + 1) * hop]).astype(np.int16)
            audio = av.AudioFrame.from_ndarray(piece[None], format="s16", layout="mono")
            audio.sample_rate = RATE
            container.mux(sound.encode(audio))
        container.mux(picture.encode(None))
        container.mux(sound.encode(None))
    return file.getvalue()


def loudness(samples: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Return the loudness of a sound during each frame, as a share of the loudest, ``(n_frames,)``."""
    import numpy as np

    hop = RATE // FRAME_RATE
    pieces = np.array_split(samples, range(hop, len(samples), hop))
    levels = np.sqrt([np.mean(piece**2) for piece in pieces])
    return np.asarray(levels / levels.max())


# ------------------------------------------------------------------------------------------------- the voice


@dataclass(frozen=True)
class Voice:
    """How one utterance is spoken.

    Parameters
    ----------
    pitch : float, Hz
    pitch_range : float, semitones
        Standard deviation of the syllables' accents.
    tempo : float, syllables/s
    level : float, dB
        Root mean square against full scale.
    corner : float, Hz
        Corner of the source's low-pass: the lower, the steeper the spectrum falls.
    breath : float
        Amplitude of the aspiration noise against the pulses'.
    formants : float
        Factor on the vowel table's.
    """

    pitch: float
    pitch_range: float
    tempo: float
    level: float
    corner: float
    breath: float
    formants: float


def voice(performance: Performance) -> Voice:
    """Return how an utterance is spoken: by this speaker, with this emotion, this time."""
    import numpy as np

    who = performance.speaker_random(0)
    own = np.multiply(SPEAKER_SPREAD, who.standard_normal(7))
    expressiveness = who.uniform(0.6, 1.2)
    habits = np.multiply(HABIT_SPREAD, who.standard_normal((len(EMOTIONS), 7)))[
        sorted(EMOTIONS).index(performance.emotion)
    ]
    chance = np.multiply(UTTERANCE_SPREAD, performance.random(0).standard_normal(7))
    change = own + expressiveness * np.array(EMOTIONS[performance.emotion]) + habits + chance
    pitch, pitch_range, tempo, level, corner, breath, formants = map(float, change)
    return Voice(
        pitch=(200 if performance.woman else 112) * 2 ** (pitch / 12),
        pitch_range=2 * 2**pitch_range,
        tempo=4.6 * 2**tempo,
        level=-27 + level,
        corner=1500 * 2**corner,
        breath=0.08 * 2**breath,
        formants=(WOMEN_FORMANTS if performance.woman else 1.0) * 2**formants,
    )


def speech(performance: Performance) -> "NDArray[np.float64]":
    """Synthesise an utterance's sound; a take has the same vowels for all speakers.

    Returns
    -------
    samples : (n_samples,) float64 in [-1, 1], at `RATE`
    """
    import numpy as np

    how, rng = voice(performance), performance.random(1)
    vowels = np.random.default_rng([RECIPE["seed"], performance.take]).choice(len(VOWELS), N_SYLLABLES)
    lengths = (RATE / how.tempo * rng.uniform(0.85, 1.15, N_SYLLABLES)).astype(int)
    edges = np.concatenate([[0], np.cumsum(lengths)])
    source = _source(how, _pitch(how, edges, rng), rng)
    sound = np.concatenate(
        [
            _syllable(source, start, end, how.formants * np.array(VOWELS[vowel])) * rng.uniform(0.7, 1.0)
            for vowel, start, end in zip(vowels, edges[:-1], edges[1:], strict=True)
        ]
    )
    sound = np.pad(sound * 10 ** (how.level / 20) / np.sqrt(np.mean(sound**2)), RATE // 20)
    room = 3e-4 * rng.standard_normal(len(sound))
    return np.clip(sound + room, -1, 1)


def _pitch(how: Voice, edges: "NDArray[np.int_]", rng: "np.random.Generator") -> "NDArray[np.float64]":
    import numpy as np

    n_samples = edges[-1]
    middles = (edges[1:] + edges[:-1]) / 2
    accents = how.pitch_range * rng.standard_normal(len(middles))
    declination = np.linspace(1, -1, len(middles))  # semitones: pitch falls over a sentence
    jitter = np.repeat(rng.normal(0, 0.15, n_samples // 80 + 1), 80)[:n_samples]
    semitones = np.interp(np.arange(n_samples), middles, accents + declination) + jitter
    return np.asarray(np.clip(how.pitch * 2 ** (semitones / 12), 60, 500))


def _source(how: Voice, pitch: "NDArray[np.float64]", rng: "np.random.Generator") -> "NDArray[np.float64]":
    import numpy as np
    from scipy.signal import lfilter

    open_quotient = 0.6
    phase = np.minimum(np.cumsum(pitch) / RATE % 1 / open_quotient, 1.0)  # 1 where the glottis is closed
    pulses = np.where(phase < 1, 2 * phase - 3 * phase**2, 0.0)  # derivative of the flow phase^2 - phase^3
    aspiration = how.breath * (0.5 + 0.5 * (phase < 1)) * rng.standard_normal(len(phase))
    pole = np.exp(-2 * np.pi * how.corner / RATE)
    return np.asarray(lfilter([1 - pole], [1, -pole], pulses)) + aspiration


def _syllable(
    source: "NDArray[np.float64]", start: int, end: int, formants: "NDArray[np.float64]"
) -> "NDArray[np.float64]":
    import numpy as np
    from scipy.signal import sosfilt

    warm_up = min(start, RATE // 50)  # lets the formants ring in
    sound = sosfilt(_resonators(formants), source[start - warm_up : end])[warm_up:]
    return np.asarray(sound * np.sin(np.pi * (np.arange(end - start) + 0.5) / (end - start)) ** 0.6)


def _resonators(formants: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Return second-order sections with unit gain at 0 Hz (Klatt 1980, equations 1 and 2)."""
    import numpy as np

    centres = np.concatenate([formants, UPPER_FORMANTS])
    radius = np.exp(-np.pi * np.array(BANDWIDTHS) / RATE)
    linear, square = -2 * radius * np.cos(2 * np.pi * centres / RATE), radius**2
    zero, one = np.zeros(len(centres)), np.ones(len(centres))
    return np.stack([1 + linear + square, zero, zero, one, linear, square], axis=1)


# -------------------------------------------------------------------------------------------------- the face

#: A displacement of the portrait: its centre, its standard deviation, how far it moves the centre; all in px.
Move = tuple[tuple[float, float], float, tuple[float, float]]


def face(performance: Performance, loudness: "NDArray[np.float64]") -> Iterator["NDArray[np.uint8]"]:
    """Draw an utterance's frames: the mouth opens with the voice, the head sways.

    Parameters
    ----------
    loudness : (n_frames,) float64 in [0, 1]

    Yields
    ------
    frame : (SIDE, SIDE, 3) uint8 RGB
    """
    import numpy as np

    who, rng = performance.speaker_random(2), performance.random(2)
    stretch = PORTRAIT_ZOOM * who.uniform(0.94, 1.06, 2)
    portrait = _likeness(performance, who, rng)
    phases = rng.uniform(0, 2 * np.pi, 3)
    for number, opening in enumerate(loudness):
        sway = np.sin(2 * np.pi * 0.7 * number / FRAME_RATE + phases)
        yield _bent(portrait, *_places(sway, stretch), _open_mouth(6 * opening))


def _likeness(performance: Performance, who: "np.random.Generator", rng: "np.random.Generator") -> "NDArray[np.uint8]":
    """Return the portrait in the speaker's shape and colours, with the utterance's expression."""
    import numpy as np

    colours = who.uniform(0.75, 1.1) * who.uniform(0.92, 1.08, 3)
    expression = who.uniform(0.4, 1.0) * np.array(FACES[performance.emotion], float)
    expression += FACE_SPREAD * who.standard_normal(expression.shape)
    jaw, eyes = who.uniform(-5, 5), who.uniform(-3, 3)
    habits = FACE_HABIT_SPREAD * who.standard_normal((len(EMOTIONS), *expression.shape))
    expression += habits[sorted(EMOTIONS).index(performance.emotion)]
    expression += FACE_UTTERANCE_SPREAD * rng.standard_normal(expression.shape)
    moves = _moves(expression, jaw, eyes)
    portrait = np.clip(_astronaut() * colours, 0, 255).astype(np.uint8)
    y, x = np.mgrid[: portrait.shape[0], : portrait.shape[1]].astype(float)
    return _bent(portrait, x, y, moves)


@cache
def _astronaut() -> "NDArray[np.uint8]":
    import numpy as np
    from skimage.data import astronaut

    return np.asarray(astronaut()[PORTRAIT])


def _moves(expression: "NDArray[np.float64]", jaw: float, eyes: float) -> list[Move]:
    parts = [(centre, PART_WIDTH, (dx, dy)) for centre, (dx, dy) in zip(PARTS, expression, strict=True)]
    right: list[Move] = [*parts, (CHEEK, 14, (jaw, 0)), (EYE, 12, (eyes, 0))]
    left: list[Move] = [((2 * MIRROR - x, y), width, (-dx, dy)) for (x, y), width, (dx, dy) in right if x != MIRROR]
    return right + left


def _open_mouth(opening: float) -> list[Move]:
    return [(PARTS[-1], PART_WIDTH, (0, opening)), (CHIN, 16, (0, opening))]


def _places(
    sway: "NDArray[np.float64]", stretch: "NDArray[np.float64]"
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Return for each pixel of the frame its x and y in the unbent portrait."""
    import numpy as np

    v, u = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    turn = np.deg2rad(2.0) * sway[2]
    x = PORTRAIT_CENTRE[0] + 2 * sway[0] + (np.cos(turn) * u - np.sin(turn) * v) / stretch[0]
    y = PORTRAIT_CENTRE[1] + 2 * sway[1] + (np.sin(turn) * u + np.cos(turn) * v) / stretch[1]
    return x, y


def _bent(
    portrait: "NDArray[np.uint8]", x: "NDArray[np.float64]", y: "NDArray[np.float64]", moves: list[Move]
) -> "NDArray[np.uint8]":
    """Return what is at x and y of the portrait after the moves."""
    import cv2
    import numpy as np

    from_x, from_y = x.copy(), y.copy()
    for (centre_x, centre_y), width, (dx, dy) in moves:
        bump = np.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (2 * width**2))
        from_x -= dx * bump
        from_y -= dy * bump
    places = from_x.astype(np.float32), from_y.astype(np.float32)
    return np.asarray(cv2.remap(portrait, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))


def example(root: Path) -> Path:
    """Lay out all utterances as empty files."""
    return lay_text(lay(root, *(performance.name for performance in PERFORMANCES)), "demo.json", json.dumps(RECIPE))


CORPUS = Corpus(
    name="demo",
    title="Synthetic audio-visual utterances of 8 speakers and 4 emotions, made on the spot",
    licence="no terms: synthetic voices, and a portrait in the public domain (NASA, from scikit-image)",
    excerpts=True,
    source="made by pipeline/corpora/demo.py",
    find=find,
    example=example,
    counts={None: len(PERFORMANCES)},
    make=make,
)
