"""Small corpora of generated wavs, at hand for tests of the machinery."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import soundfile

from affex.features.base import Feature
from affex.pipeline.execution import stages
from affex.pipeline.execution.runner import Runner
from affex.pipeline.extraction.extract import Summary, extract
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.specs.features import FeatureSpec


class Listener:
    """Keeps what a run says, and counts what its progress bars count."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.counted: dict[str, int] = {}

    def print(self, message: str) -> None:
        self.messages.append(message)

    @contextmanager
    def progress(self, title: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        def tick(n: int) -> None:
            self.counted[title] = self.counted.get(title, 0) + n

        yield tick


def write_wav(path: Path, seconds: float, *, seed: int = 0, rate: int = 16000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate))
    soundfile.write(path, noise, rate, subtype="PCM_16")


def pointer(path: Path) -> Path:
    """Write what Git LFS leaves in a file's place until it is fetched."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 66492\n")
    return path


def small(folder: Path, n_utterances: int = 20, seconds: float = 0.2) -> Dataset:
    """Return a corpus of `n_utterances` utterances of 4 speakers and 2 labels."""
    for n in range(n_utterances):
        write_wav(folder / "data" / f"{n:02d}.wav", seconds + 0.01 * n, seed=n)
    return at_hand(folder, [f"{n:02d}.wav" for n in range(n_utterances)])


def at_hand(folder: Path, names: list[str]) -> Dataset:
    utterances = tuple(
        Utterance(
            id=Path(name).stem,
            corpus="small",
            speaker=f"s{n % 4}",
            label="ab"[n // 4 % 2],
            audio=Media(name),
        )
        for n, name in enumerate(names)
    )
    return Dataset("small", folder / "data", folder / "cache" / "small", utterances)


def spec(preset: str, feature: Feature) -> FeatureSpec:
    """Return a feature as one asks for it whose preset is the class's own defaults."""
    return FeatureSpec(preset, type(feature)(), feature)


def run(
    dataset: Dataset,
    *specs: FeatureSpec,
    runner: Callable[[], AbstractContextManager[Runner]] | None = None,
    listener: Listener | None = None,
) -> list[Summary]:
    return extract(dataset, specs, runner or (lambda: stages.opened("inline", 1)), listener or Listener())
