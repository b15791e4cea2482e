"""Needs: the arrow from a system's settings and a corpus to what the corpus lacks for it."""

from collections.abc import Callable, Mapping, Sequence

from affex.pipeline.evaluation.selection import CONTINUOUS
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.specs.classifiers import Member
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.specs.fusions import reads_dialogs
from affex.pipeline.text.errors import UsageError

#: What features read, in words.
MEDIA = {"audio": "sound", "video": "video", "mocap": "motion capture", "text": "transcripts"}
#: What a corpus may have for a system, and whether an utterance has it.
KNOWN: Mapping[str, Callable[[Utterance], bool]] = {
    "sound": lambda utterance: utterance.audio is not None,
    "video": lambda utterance: utterance.video is not None,
    "motion capture": lambda utterance: utterance.mocap is not None,
    "transcripts": lambda utterance: utterance.text is not None,
    "dialogs": lambda utterance: utterance.dialog is not None,
    "votes of raters": lambda utterance: bool(utterance.votes),
    "valence": lambda utterance: utterance.valence is not None,
    "arousal": lambda utterance: utterance.arousal is not None,
    "dominance": lambda utterance: utterance.dominance is not None,
}


def needs(members: Sequence[Member], settings: Settings) -> tuple[str, ...]:
    """Return what models need of a corpus, in the order and the words of `KNOWN`."""
    read = {MEDIA.get(spec.feature.media) for names, _ in members for spec in feature_specs(" ".join(names))}
    found = {
        "dialogs": reads_dialogs(settings.fusion) or any(one.context != "none" for _, one in members),
        "votes of raters": bool(settings.soft),
        **{name: settings.target == name for name in CONTINUOUS},
    }
    return tuple(name for name in KNOWN if name in read or found.get(name, False))


def require(datasets: Sequence[Dataset], members: Sequence[Member], settings: Settings) -> None:
    """Raise an error if the settings name a system and a corpus has nothing of what it needs.

    Raises
    ------
    UsageError
        The message names what is missing.
    """
    if settings.system is None:
        return
    wanted = needs(members, settings)
    for dataset in datasets:
        lacking = [name for name in wanted if not any(map(KNOWN[name], dataset.utterances))]
        if lacking:
            raise UsageError(
                f"{settings.system} needs {_joined(wanted)}; {dataset.name} has no {' and no '.join(lacking)}."
            )


def _joined(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
