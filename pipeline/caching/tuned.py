"""Tuned networks: from a weight file, or a corpus's cache, to what a network was tuned on, for the audit.

`make tune` writes a `Tuning` into the weight file. Whatever is extracted with a user's own weight file leaves that
record, or that there is none, in the cache folder of the corpus, under the file's sha256, which is part of the
feature's key. So the audit knows it even where the weight file is no longer at hand::

    tuned/<sha256>.json     the record, sealed; its member `tuning` is null for a file that `make tune` did not write
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from affex.features.base import Feature, Runtime
from affex.features.networks import weights
from affex.features.networks.feature import NetworkFeature
from affex.features.networks.weights import WeightError
from affex.pipeline.caching import feature_rows
from affex.pipeline.caching.cache import FeatureFile
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.specs.features import spec_of
from affex.pipeline.storage import atomic, records, sealed
from affex.pipeline.text.errors import AffexError

#: The folder of the records, below a corpus's folder.
FOLDER = "tuned"


@dataclass(frozen=True, order=True)
class Taught:
    """An utterance that a network was tuned on.

    Parameters
    ----------
    corpus, id, speaker
        As in the manifest.
    source
        The identity of its media: a digest of their bytes and of the span, as in the cache of `faces` or `segments`.
    """

    corpus: str
    id: str
    speaker: str
    source: str


@dataclass(frozen=True)
class Tuning:
    """How a network was tuned.

    Parameters
    ----------
    network
        The feature's spec, without weights.
    start
        The sha256 of the weights that it began with; empty if it began at random.
    classes
        The classes that it learned, in order.
    epochs, patience, rate, batch, seed, device
        How it learned them; `epochs` as found.
    utterances
        What it learned from, in order; also what its first weights were tuned on.
    versions
        Versions of the packages that took part.
    """

    network: str
    start: str
    classes: tuple[str, ...]
    epochs: int
    patience: int
    rate: float
    batch: int
    seed: int
    device: str
    utterances: tuple[Taught, ...]
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The record as JSON."""
        return json.dumps(records.plain(self), sort_keys=True, ensure_ascii=False, allow_nan=False)


def of_file(path: Path) -> Tuning | None:
    """Return what the network of a weight file was tuned on; None if the file has no record of it.

    Raises
    ------
    AffexError
        If there is no such file, or its record is not one that affex wrote.
    """
    try:
        text = weights.about(path)
        return records.restored(Tuning, json.loads(text)) if text else None
    except WeightError as error:
        raise AffexError(str(error)) from error
    except ValueError as error:
        raise AffexError(f"{path}: what it was tuned on cannot be read ({error}): tune it again.") from error


def networks(feature: Feature) -> Iterator[NetworkFeature]:
    """Yield the features of a chain, from a feature up, that compute with a user's own weight file."""
    if isinstance(feature, NetworkFeature) and feature.own_digest:
        yield feature
    for above in (feature.upstream, *feature.beside):
        if above is not None:
            yield from networks(above)


def keep(folder: Path, features: Iterable[Feature], runtime: Runtime) -> None:
    """Record in a corpus's cache what the networks of features were tuned on, of those whose weight file is at hand.

    Raises
    ------
    AffexError
        If a weight file's record is damaged, or the folder cannot be written.
    """
    for network in {one.own_digest: one for feature in features for one in networks(feature)}.values():
        path = _place(folder, network)
        if not path.exists() and (found := _at_hand(network, runtime)):
            path.parent.mkdir(parents=True, exist_ok=True)
            record = sealed.sealed({"tuning": records.plain(of_file(found))})
            atomic.write_text(path, [json.dumps(record, ensure_ascii=False), "\n"])


def recorded(folder: Path, network: NetworkFeature, runtime: Runtime) -> Tuning | None:
    """Return what a network was tuned on, from its weight file or from a corpus's cache; None if it was not tuned.

    Raises
    ------
    AffexError
        If neither is at hand, or the record is damaged.
    """
    if found := _at_hand(network, runtime):
        return of_file(found)
    path = _place(folder, network)
    try:
        return opened(path)
    except (OSError, ValueError) as error:
        why = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        raise AffexError(
            f"What {network.name} was tuned on is unknown: {path} {why}. Name its weight file again, as in "
            f"FEATURES={network.name}:weights=path."
        ) from error


def opened(path: Path) -> Tuning | None:
    """Return the record of a file that `keep` wrote.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it was changed.
    """
    tuning = sealed.opened(path.read_bytes()).get("tuning")
    return None if tuning is None else records.restored(Tuning, tuning)


def sources(dataset: Dataset, network: NetworkFeature) -> dict[tuple[str, str], str]:
    """Return the source of each utterance's media, by corpus and id, from the cache of what a network's chain reads.

    Raises
    ------
    AffexError
        If that file is not there, or does not verify.
    """
    first: Feature = network
    while first.upstream is not None:
        first = first.upstream
    file = FeatureFile(dataset.folder, spec_of(first))
    held = feature_rows.contents(file.path, file.key, dataset.command("features", FEATURES=file.spec))
    corpora = {utterance.id: utterance.corpus for utterance in dataset.utterances}
    return {(corpora[i], i): source for i, source in zip(held.ids, held.sources, strict=True) if i in corpora}


def _place(folder: Path, network: NetworkFeature) -> Path:
    return folder / FOLDER / f"{network.own_digest}.json"


def _at_hand(network: NetworkFeature, runtime: Runtime) -> Path | None:
    """Return the verified weight file of a network, if it is there."""
    try:
        return network.weight_file(runtime)
    except WeightError:
        return None
