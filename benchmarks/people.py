"""Films of two people: whether a track stays with one person, whether cuts are found, and who is taken for the speaker.

::

    python benchmarks/people.py CLIPS [--parts following speaking]

``following``: twelve films of 5 s are made, two videos of CLIPS side by side, 640 x 360 px, so that the side of a face
says whose it is: of equal size, of unequal size, one hidden for 2 s, cut to two other people and back, and with a third
who walks through in front of both. For each film the table has the people of the longest track in order of time (a
letter a frame, a gap where it was not seen), how many tracks there are, how often a track changes person, and the cuts
that were found and made.

``speaking``: twelve films of two people at 25 frames a second with the sound of one of them, which alternates between
left and right. In six of them the other is a still, in six the other speaks too. Printed are the speaker that
``choice=speaking`` takes, whether that is right, and the margin.
"""

import argparse
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from faces import videos
from found import frames_of

from affex.features.base import Rows, Runtime
from affex.features.faces import COLUMNS, Faces, is_found
from affex.pipeline import media
from affex.pipeline.extraction.work import placed
from affex.pipeline.manifest.utterance import Media
from affex.pipeline.specs.features import feature_specs

RATE, SECONDS = 25, 5
HEIGHT, WIDTH = 360, 320
#: A film is cut to two other people and back at these times, s.
CUTS = (1.9, 3.5)
#: One of two people is hidden from and to these times, s.
HIDDEN = (1.5, 3.5)
#: The width of the third, who walks through from left to right, and half that of most of a face, px.
THIRD, FACE = 200, 40

Picture = np.ndarray
LINE = "{:9}{:>3}{:>9}{:>9}{:>9}  {}"


@dataclass(frozen=True)
class Film:
    """A film, who is left and right in each frame, where the third is (px, the left edge), and the cuts, s."""

    name: str
    pictures: list[Picture]
    sides: list[str]
    third: list[float]
    cuts: tuple[float, ...] = ()

    def person(self, time: float, box: np.ndarray) -> str:
        """Return the letter of the person whose face is in a box."""
        number = min(round(time * RATE), len(self.pictures) - 1)
        middle, left = (box[0] + box[2]) / 2, self.third[number]
        side = int(middle >= WIDTH)
        own = (side + 0.5) * WIDTH
        # In front of most of a face, or nearer than it.
        is_third = (left <= own - FACE and own + FACE <= left + THIRD) or abs(middle - left - THIRD / 2) < abs(
            middle - own
        )
        return "T" if left <= middle < left + THIRD and is_third else self.sides[number][side]


def pictures_of(path: Path, count: int) -> list[Picture]:
    """Return so many frames of a video, WIDTH x HEIGHT: its middle, played forwards and backwards again and again."""
    with av.open(str(path)) as container:
        shown = [half(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)][:count]
    there_and_back = shown + shown[-2:0:-1]
    return list(itertools.islice(itertools.cycle(there_and_back), count))


def half(picture: Picture) -> Picture:
    """Return the middle of a picture, WIDTH x HEIGHT."""
    height, width = picture.shape[:2]
    wide = min(width, height * WIDTH // HEIGHT)
    left = (width - wide) // 2
    return cv2.resize(picture[:, left : left + wide], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def smaller(picture: Picture, share: float = 0.6) -> Picture:
    """Return a picture shrunk, on a ground of its own colour."""
    small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    ground = np.full_like(picture, np.median(picture[:20], axis=(0, 1)).astype(np.uint8))
    top, left = HEIGHT - small.shape[0], (WIDTH - small.shape[1]) // 2
    ground[top:, left : left + small.shape[1]] = small
    return ground


def side_by_side(left: Sequence[Picture], right: Sequence[Picture]) -> list[Picture]:
    """Return the pictures of two people beside one another."""
    return [np.hstack(pair) for pair in zip(left, right, strict=True)]


def films(clips: Path) -> Iterator[Film]:
    """Yield the twelve films."""
    grid, mead, lrs3 = (videos(clips / corpus) for corpus in ("grid", "mead", "lrs3"))
    n = RATE * SECONDS
    still, away = ["LR"] * n, [np.inf] * n
    for name, pair in (("equal", grid[:2]), ("equal", mead[1:3]), ("equal", (lrs3[0], lrs3[4]))):
        yield Film(name, side_by_side(*(pictures_of(path, n) for path in pair)), still, away)
    for name, (one, other) in (("unequal", grid[2:4]), ("unequal", (mead[5], mead[3]))):
        yield Film(name, side_by_side(pictures_of(one, n), [*map(smaller, pictures_of(other, n))]), still, away)
    for number, pair in enumerate((grid[4:6], mead[6:8], (grid[6], mead[8]))):
        yield Film("hidden", hidden(side_by_side(*(pictures_of(path, n) for path in pair)), number % 2), still, away)
    for four in ([*grid[6:8], *grid[8:10]], [mead[0], mead[5], mead[4], mead[7]]):
        yield cut(*(pictures_of(path, n) for path in four))
    for pair, third in ((grid[0:4:3], mead[2]), (mead[3:6:2], grid[9])):
        yield crossed(side_by_side(*(pictures_of(path, n) for path in pair)), pictures_of(third, n))


def hidden(pictures: list[Picture], side: int) -> list[Picture]:
    """Return a film in which a grey board hides one side for a while."""
    for number in range(round(HIDDEN[0] * RATE), round(HIDDEN[1] * RATE)):
        pictures[number][:, side * WIDTH : (side + 1) * WIDTH] = 110
    return pictures


def cut(*four: Sequence[Picture]) -> Film:
    """Return a film of two people that is cut to two others and back."""
    first, second = side_by_side(*four[:2]), side_by_side(*four[2:])
    here = [CUTS[0] <= number / RATE < CUTS[1] for number in range(len(first))]
    pictures = [b if other else a for a, b, other in zip(first, second, here, strict=True)]
    return Film("cuts", pictures, ["lr" if other else "LR" for other in here], [np.inf] * len(here), CUTS)


def crossed(pictures: list[Picture], third: Sequence[Picture]) -> Film:
    """Return a film in which a third person walks through in front of the others."""
    lefts = np.linspace(-THIRD, 2 * WIDTH, len(pictures))
    for picture, person, left in zip(pictures, third, lefts.round().astype(int), strict=True):
        strip = person[:, (WIDTH - THIRD) // 2 :][:, :THIRD]
        begin, end = max(left, 0), min(left + THIRD, 2 * WIDTH)
        picture[:, begin:end] = strip[:, begin - left : end - left]
    return Film("third", pictures, ["LR"] * len(pictures), list(lefts))


def written(pictures: Sequence[Picture], path: Path) -> Path:
    """Write a film; return its file."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=Fraction(RATE), options={"crf": "18", "preset": "veryfast"})
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv420p"
        for picture in pictures:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return path


def changes(people: Sequence[str]) -> int:
    """Return how often the person changes in a track."""
    return sum(before != after for before, after in itertools.pairwise(people))


def followed(film: Film, path: Path, feature: Faces, model: Any) -> tuple[int, bool]:
    """Follow the people of a film, print a line; return the changes of person in tracks, and whether cuts are right."""
    rows = feature.extract_stream(frames_of(written(film.pictures, path), feature), model)
    tracks = _tracks(rows, film)
    n_changes = sum(changes(track) for track in tracks.values())
    cuts = _cuts(rows.values)
    longest = max(tracks, key=lambda track: len(tracks[track]))
    made, found = (" ".join(f"{cut:.1f}" for cut in some) for some in (film.cuts, cuts))
    print(LINE.format(film.name, len(tracks), n_changes, made, found, _line(rows, film, longest)), flush=True)
    step = float(np.median(np.diff(np.unique(rows.values[:, 0]))))
    right = len(cuts) == len(film.cuts) and all(0 <= b - a <= step for a, b in zip(film.cuts, cuts, strict=True))
    return n_changes, right


def _cuts(values: np.ndarray) -> list[float]:
    """Return the times of the first rows of all shots but the first, s; of code without shots none."""
    if "shot" not in COLUMNS:
        return []
    return values[1:, 0][np.diff(values[:, COLUMNS.index("shot")]) > 0].tolist()


def _tracks(rows: Rows, film: Film) -> dict[int, list[str]]:
    """Return the people in each track, in order of time."""
    tracks: dict[int, list[str]] = {}
    for row in rows.values[is_found(rows.values)]:
        tracks.setdefault(_track(row), []).append(film.person(float(row[0]), _box(row)))
    return tracks


def _track(row: np.ndarray) -> int:
    return int(row[COLUMNS.index("track")]) if "track" in COLUMNS else 0


def _box(row: np.ndarray) -> np.ndarray:
    return row[COLUMNS.index("x0") :][:4]


def _line(rows: Rows, film: Film, track: int) -> str:
    """Return a letter for each frame: who is in the track."""
    own = {
        float(row[0]): film.person(float(row[0]), _box(row))
        for row in rows.values[is_found(rows.values)]
        if _track(row) == track
    }
    return "".join(own.get(float(time), " ") for time in np.unique(rows.values[:, 0]))


def speaking(clips: Path) -> Iterator[tuple[str, Path, list[Picture]]]:
    """Yield the films of a speaker: on which side, the video with the sound, the pictures."""
    grid, mead = videos(clips / "grid"), videos(clips / "mead")
    pairs = [*itertools.pairwise(grid[:4]), *itertools.pairwise(mead[1:5])]
    for (number, (speaker, other)), is_still in itertools.product(enumerate(pairs), (True, False)):
        n = min(n_frames(speaker), n_frames(other))
        speaks, beside = pictures_of(speaker, n), pictures_of(other, n)
        if is_still:
            beside = beside[:1] * n
        sides = (speaks, beside) if number % 2 else (beside, speaks)
        yield f"{'still' if is_still else 'both'} {'L' if number % 2 else 'R'}", speaker, side_by_side(*sides)


def n_frames(path: Path) -> int:
    """Return how many frames a video has."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def spoken(name: str, sound: Path, path: Path, feature: Faces, model: Any) -> bool:
    """Choose the speaker of a film, print a line; return whether it is the one whose sound it is."""
    from affex.features.person import SOUND, Person, agreements

    rows = feature.extract_stream(frames_of(path, feature), model)
    signal = media.decode_audio(sound.parent, Media(sound.name), SOUND.rate, SOUND.longest)
    rows = replace(rows, beside=(placed(SOUND.extract(signal), signal),))
    track, lead = Person(choice="speaking").chosen(rows)
    left = np.median([_box(row)[0] for row in rows.values if is_found(row[None])[0] and _track(row) == track])
    side = "L" if left < WIDTH / 2 else "R"
    scores = ", ".join(f"{score:.3f}" for score in sorted(agreements(rows).values(), reverse=True))
    print(f"{name}: {side}, {'right' if name.endswith(side) else 'wrong'}, margin {lead:.3f} ({scores})", flush=True)
    return name.endswith(side)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--parts", nargs="+", default=["following", "speaking"])
    parser.add_argument("--faces", default="faces", help="the feature, as in FEATURES")
    options = parser.parse_args()
    [spec] = feature_specs(options.faces)
    model = spec.feature.load(Runtime())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "following" in options.parts:
            print(LINE.format("film", "n", "changes", "cuts", "found", "the longest track"))
            found = [
                followed(film, folder / f"{number}.mp4", spec.feature, model)
                for number, film in enumerate(films(options.clips))
            ]
            n_changes, n_right = (sum(column) for column in zip(*found, strict=True))
            print(f"{n_changes} changes of person within tracks; the cuts are right in {n_right} of {len(found)} films")
        if "speaking" in options.parts:
            feature = replace(spec.feature, frames=f"{RATE}/s")
            right: dict[str, list[bool]] = {}
            for number, (kind, sound, pictures) in enumerate(speaking(options.clips)):
                path = written(pictures, folder / f"speaking-{number}.mp4")
                right.setdefault(kind.split()[0], []).append(spoken(kind, sound, path, feature, model))
            for kind, some in right.items():
                print(f"{kind}: the speaker is found in {sum(some)} of {len(some)} films")


if __name__ == "__main__":
    main()
