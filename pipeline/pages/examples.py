"""Examples: the utterances of a run that are most confidently wrong, with their sound and their frames.

Recordings of a corpus whose licence does not allow passing them on stay out of a page: then it shows no frames and has
no players, unless the user asks for them. Curves and spectra of the sound are drawn in either case.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from affex.features.base import Rows
from affex.features.detectors import crops
from affex.features.detectors.chips import Picture as Pixels
from affex.pipeline.contact_sheet.gather import gathered
from affex.pipeline.contact_sheet.record import FaceTrack, Shot, Sound
from affex.pipeline.evaluation.results import Scores
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.media.audio import encoded
from affex.pipeline.pages import drawing
from affex.pipeline.pages.page import Picture, data_address
from affex.pipeline.reporting import tables
from affex.pipeline.specs import discovery
from affex.pipeline.specs.features import feature_specs

#: How many utterances are shown, and the greatest length of sound in a player, s.
SHOWN, LONGEST = 6, 5.0
#: The height of a frame, px, and the quality of the JPEG file.
HEIGHT, QUALITY = 132, 80
#: The width of a picture of sound, and the height of its waveform and of its spectrum, px.
LONG, TALL = 600, 90
#: The colour of a detected face's box, RGB.
BOX = (240, 228, 66)


@dataclass(frozen=True)
class Example:
    """An utterance that was decided wrongly.

    Parameters
    ----------
    id, speaker
        The utterance, and its speaker.
    true, predicted
        The classes, or the values in words.
    how_wrong
        By how much, in words.
    """

    id: str
    speaker: str
    true: str
    predicted: str
    how_wrong: str


@dataclass(frozen=True)
class Shown:
    """An example with what there is to see and to hear.

    Parameters
    ----------
    sound, frames
        Pictures of the sound and of the film; None where there is none.
    player
        The address of the sound; empty without a player.
    absent
        Why something is missing, a sentence each.
    """

    example: Example
    sound: Picture | None = None
    frames: Picture | None = None
    player: str = ""
    absent: Sequence[str] = ()


def worst(scores: Scores, most: int = SHOWN) -> list[Example]:
    """Return the utterances that are most confidently wrong, the worst first.

    Of classes these are the wrong decisions with the largest difference between the score of the decision and that of
    the true class; of values those with the largest error.
    """
    amount = _margins(scores) if scores.classes else np.abs(scores.true - scores.predicted)
    order = np.argsort(-amount, kind="stable")[:most]
    return [_example(scores, place, float(amount[place])) for place in order.tolist() if amount[place] > 0]


def _margins(scores: Scores) -> NDArray[np.float64]:
    """Return the score of each decision minus that of the true class, ``(n_tested,)``; -1 for right decisions."""
    number = {name: place for place, name in enumerate(scores.classes)}
    rows = np.arange(len(scores))
    decided, true = (
        scores.values[rows, [number[name] for name in of.tolist()]] for of in (scores.predicted, scores.true)
    )
    wrong = scores.predicted != scores.true
    return np.where(wrong, np.maximum(decided - true, np.finfo(float).tiny), -1.0)


def _example(scores: Scores, place: int, amount: float) -> Example:
    true, predicted = scores.true[place], scores.predicted[place]
    if scores.classes:
        how = f"score of the decision {tables.number(amount)} above that of the true class"
        return Example(str(scores.ids[place]), str(scores.clusters[place]), str(true), str(predicted), how)
    words = (tables.number(float(true)), tables.number(float(predicted)))
    return Example(str(scores.ids[place]), str(scores.clusters[place]), *words, f"error {tables.number(amount)}")


def shown(examples: Sequence[Example], datasets: Sequence[Dataset], *, media: bool) -> list[Shown]:
    """Return examples with their sound and frames, as far as they are at hand.

    Parameters
    ----------
    datasets
        The corpora of the run.
    media
        Whether recordings are shown although a licence may bind them.
    """
    at_hand: Mapping[str, tuple[Dataset, Utterance]] = {
        utterance.id: (dataset, utterance) for dataset in datasets for utterance in dataset.utterances
    }
    return [_shown(example, at_hand.get(example.id), media=media) for example in examples]


def may_be_shown(utterance: Utterance) -> bool:
    """Return whether the licence of an utterance's corpus allows passing on short excerpts."""
    corpus = discovery.corpora().get(utterance.corpus)
    return corpus is not None and corpus.excerpts


def _shown(example: Example, found: tuple[Dataset, Utterance] | None, *, media: bool) -> Shown:
    if found is None:
        return Shown(example, absent=("The recording is not at hand.",))
    dataset, utterance = found
    (spec,) = feature_specs("faces")
    sheet = gathered(dataset, utterance, spec)
    made = Shown(
        example,
        sound=_sound(example, sheet.sound) if isinstance(sheet.sound, Sound) else None,
        absent=tuple(f"No {what}: {why}." for what, why in (("sound", sheet.sound),) if isinstance(why, str)),
    )
    if not media and not may_be_shown(utterance):
        why = "The licence of the corpus may bind its recordings: MEDIA=1 shows frames and players."
        return replace(made, absent=(*made.absent, why))
    frames = _frames(example, sheet.faces) if isinstance(sheet.faces, FaceTrack) else None
    player = _player(sheet.sound) if isinstance(sheet.sound, Sound) else ""
    return replace(made, frames=frames, player=player)


def _player(sound: Sound) -> str:
    """Return the address of the first seconds of a sound, FLAC."""
    samples = sound.samples[: int(LONGEST * sound.rate)]
    return data_address(encoded(samples, sound.rate), "audio/flac")


def _sound(example: Example, sound: Sound) -> Picture:
    """Draw a waveform, and the log-mel spectrum below it; by hand, since matplotlib takes ten times as long."""
    end = sound.begins + len(sound.samples) / sound.rate
    spectrum = _spectrum(sound.logmel, end) if isinstance(sound.logmel, Rows) else Markup("")
    caption = f"Waveform and log-mel spectrum of {example.id} from 0 to {end:.1f} s."
    image = Markup('<svg role="img" aria-label="{}" viewBox="0 0 {} {}">{}{}</svg>')
    return Picture(image.format(caption, LONG, 2 * TALL, _wave(sound, end), spectrum), caption)


def _wave(sound: Sound, end: float) -> Markup:
    """Return the envelope of a waveform as a path; its full height is that of its loudest sample."""
    edges = np.linspace(0, len(sound.samples), min(LONG, len(sound.samples)), endpoint=False).astype(np.int64)
    x = (sound.begins + edges / sound.rate) * LONG / end
    loudest = float(np.abs(sound.samples).max()) or 1.0
    low, high = (f.reduceat(sound.samples, edges) / loudest for f in (np.minimum, np.maximum))
    there = [f"{at:.1f},{(1 - value) * TALL / 2:.1f}" for at, value in zip(x, high, strict=True)]
    back = [f"{at:.1f},{(1 - value) * TALL / 2:.1f}" for at, value in zip(x[::-1], low[::-1], strict=True)]
    return Markup('<path fill="{}" d="M{}Z"/>').format(drawing.MAIN, " ".join(there + back))


def _spectrum(rows: Rows, end: float) -> Markup:
    """Return a log-mel spectrum as an image, low bands below, from dark (little) to light (much)."""
    from matplotlib import colormaps
    from PIL import Image

    assert rows.times is not None
    levels = rows.values.T[::-1].astype(np.float64)
    scaled = (levels - levels.min()) / (np.ptp(levels) or 1.0)
    file = io.BytesIO()
    Image.fromarray(colormaps["cividis"](scaled, bytes=True)[..., :3]).save(file, "png")
    left, right = (float(time) * LONG / end for time in rows.times[[0, -1]])
    image = Markup('<image href="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}" preserveAspectRatio="none"/>')
    return image.format(data_address(file.getvalue(), "image/png"), left, TALL, max(right - left, 1.0), TALL)


def _frames(example: Example, faces: FaceTrack) -> Picture | None:
    """Return the frames of a film side by side, each with the box of its face."""
    from PIL import Image

    if not faces.shots:
        return None
    file = io.BytesIO()
    Image.fromarray(np.hstack([_tile(shot) for shot in faces.shots])).save(file, "jpeg", quality=QUALITY)
    times = ", ".join(f"{faces.times[shot.row]:.1f} s{'' if shot.face else ' (no face)'}" for shot in faces.shots)
    return drawing.photograph(file.getvalue(), "image/jpeg", f"Frames of {example.id} at {times}.")


def _tile(shot: Shot) -> Pixels:
    """Return a frame of one height, with the box of its face, if there is one."""
    scale = HEIGHT / shot.picture.shape[0]
    pixels = crops.resized(shot.picture, max(1, round(shot.picture.shape[1] * scale)), HEIGHT).copy()
    if shot.face is not None:
        x0, y0, x1, y1 = (int(side * HEIGHT / shot.height) for side in shot.face.box)
        _outline(pixels, max(x0, 0), max(y0, 0), min(x1, pixels.shape[1] - 1), min(y1, HEIGHT - 1))
    return pixels


def _outline(pixels: Pixels, x0: int, y0: int, x1: int, y1: int) -> None:
    """Draw a box of 2 px into a picture."""
    pixels[y0 : y1 + 1, [x0, min(x0 + 1, x1), max(x1 - 1, x0), x1]] = BOX
    pixels[[y0, min(y0 + 1, y1), max(y1 - 1, y0), y1], x0 : x1 + 1] = BOX
