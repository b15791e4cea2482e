"""Recordings: the arrow from a foreign name of a recording to its utterances."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from affex.pipeline.manifest.utterance import MEDIA, Media, Utterance


def _no_alias(_: str) -> str:
    return ""


class Recordings:
    """The recordings of a corpus under all names that others may use: path, file name, file name without suffix.

    Parameters
    ----------
    utterances
        The utterances of the corpus.
    alias
        Returns one more name of a recording from its file name without the suffix; empty for none.
    """

    def __init__(self, utterances: Iterable[Utterance], alias: Callable[[str], str] = _no_alias) -> None:
        self.parts: dict[tuple[str, str], list[tuple[str, Media]]] = defaultdict(list)
        for utterance in utterances:
            for kind in MEDIA if utterance.origin is None else ("origin",):
                if (item := getattr(utterance, kind)) is not None:
                    self.parts[kind, item.path].append((utterance.id, item))
        self._named: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for kind, text in self.parts:
            path = PurePosixPath(text)
            names = (text, path.name, path.with_suffix("").as_posix(), path.stem, alias(path.stem))
            for name in dict.fromkeys(filter(None, names)):
                self._named[name].append((kind, text))

    def find(self, key: str, *others: str) -> list[tuple[str, str]]:
        """Return the recordings of a name, or else of the other names; those with the same utterances count as one."""
        here, elsewhere = PurePosixPath(key), PurePosixPath(key.replace("\\", "/"))  # as Windows writes paths
        names = (key, here.name, here.stem, str(elsewhere), elsewhere.name, elsewhere.stem, *others)
        for name in dict.fromkeys(names):
            if name in self._named:
                by_parts = {tuple(id_ for id_, _ in self.parts[place]): place for place in reversed(self._named[name])}
                return list(by_parts.values())
        return []
