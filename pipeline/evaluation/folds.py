"""Splits: the arrow from the utterances of a corpus to folds (training and test utterances).

Folds select whole utterances, so the rows of one utterance are never in both training and test. Utterances are
numbered by their position in the given sequence. A protocol defines the folds; its hash is part of every result. The
same protocol on the same utterances gives the same folds on every machine: no random generator is used, whose numbers
could change, and the order of the utterances matters only where the documentation states it.
"""

import csv
import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import given_folds, text_folds
from affex.pipeline.evaluation.dealing import evenly
from affex.pipeline.evaluation.text_folds import Pair
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.storage.files import content
from affex.pipeline.text.errors import AffexError, UsageError, unknown
from affex.pipeline.text.names import normal

Numbers = NDArray[np.int64]
Labels = NDArray[np.str_]

#: The unit of ``loso``, its name in a sentence, and what helps where there are too few.
BY_SPEAKER = ("speaker", "Leave-one-speaker-out", "Add recordings of other speakers")
#: The protocols that leave texts out. A fold of theirs must train on every class.
OF_TEXTS = ("loso+text", "text")
#: Without speaker names, utterances are grouped by the first of these that all utterances have.
CLUSTERS = ("speaker", "session", "dialog")


@dataclass(frozen=True, eq=False)
class Fold:
    """One round of an evaluation.

    Parameters
    ----------
    name
        What is tested, such as the speaker's name.
    train, test : (n,) int64
        The numbers of the training utterances and of the test utterances.
    inner : pairs of (train, validation), each (n,) int64, or None
        The inner folds: training and validation utterances of the hyperparameter search, if the protocol fixes them;
        both are part of `train`, on which the final model is fitted. None: inner folds over the training speakers.
        Empty: no inner folds, so that nothing can be searched.
    """

    name: str
    train: Numbers
    test: Numbers
    inner: tuple[Pair, ...] | None = None


@dataclass(frozen=True, eq=False)
class Clusters:
    """The cluster of each utterance: its speaker, or a substitute.

    Parameters
    ----------
    unit
        The kind of cluster: ``"speaker"``, or a substitute if a corpus has no speaker names.
    of : (n_utterances,) str
        The cluster of each utterance.
    """

    unit: str
    of: Labels


def clusters(utterances: Sequence[Utterance], unit: str = "") -> Clusters:
    """Return the utterances' speakers or, without speaker names, their sessions, dialogs or media files.

    Parameters
    ----------
    unit
        One of `CLUSTERS`, to use only that.

    Raises
    ------
    AffexError
        If `unit` is given and an utterance has none.
    """
    for name in [unit] if unit else CLUSTERS:
        of = [cluster_of(utterance, name) for utterance in utterances]
        if all(of):
            return Clusters(name, np.array(of, dtype=np.str_))
        if unit or any(of):
            raise AffexError(_nameless(utterances, name, of))
    return Clusters("video", np.array([cluster_of(utterance, "video") for utterance in utterances], dtype=np.str_))


def cluster_of(utterance: Utterance, unit: str) -> str:
    """Return the cluster of an utterance, of some unit; empty if it has none."""
    if unit == "video":
        media = utterance.video or utterance.audio
        return media.path if media else ""
    return getattr(utterance, unit, None) or ""


def _nameless(utterances: Sequence[Utterance], name: str, of: Sequence[str]) -> str:
    """Return the error that utterances have no speaker (session, dialog), with a remedy."""
    first = next(u.id for u, value in zip(utterances, of, strict=True) if not value)
    way_out = (
        f"Name the {name} of every utterance, or of none and evaluate under another protocol."
        if any(of)
        else f"Name the {name}s, or say PROTOCOL=group-k, which keeps {clusters(utterances).unit}s whole."
    )
    return f"{of.count('')} of {len(of)} utterances have no {name} (the first: {first}).\n{way_out}"


def protocol_hash(protocol: Protocol) -> str:
    """Return the sha256 of a protocol without its name; of a file of folds, the content counts and not the path.

    Raises
    ------
    AffexError
        If the file cannot be read.
    """
    # Unset fields are left out, so that fields added in the future do not change today's hashes.
    usual = dataclasses.asdict(Protocol(protocol.name))
    record = {name: value for name, value in dataclasses.asdict(protocol).items() if value != usual[name]}
    if protocol.scheme == "folds":
        record["file"] = given_folds.digest(protocol.file)
    elif protocol.file:
        record["file"] = hashlib.sha256(_content(Path(protocol.file))).hexdigest()
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def folds(protocol: Protocol, utterances: Sequence[Utterance], among: Sequence[Utterance] = ()) -> tuple[Fold, ...]:
    """Return the folds of a protocol.

    Parameters
    ----------
    among
        All utterances of the corpus, in which a table of folds looks up its keys; empty for `utterances`.

    Raises
    ------
    UsageError
        If the protocol is unknown.
    AffexError
        If the utterances cannot be split in this way.
    """
    if protocol.scheme not in SCHEMES:
        raise unknown("protocol", protocol.scheme, SCHEMES)
    if protocol.scheme == "folds":
        return given(protocol, utterances, among)
    return SCHEMES[protocol.scheme](protocol, utterances)


def loso(protocol: Protocol, utterances: Sequence[Utterance]) -> tuple[Fold, ...]:  # noqa: ARG001
    """Leave one speaker out: one fold per speaker, in the order of their names.

    Raises
    ------
    AffexError
        If there are fewer than two speakers.
    """
    return _one_out(utterances, *BY_SPEAKER)


def session(protocol: Protocol, utterances: Sequence[Utterance]) -> tuple[Fold, ...]:  # noqa: ARG001
    """Leave one session out, with all its speakers.

    Raises
    ------
    AffexError
        If an utterance has no session, or there are fewer than two.
    """
    return _one_out(utterances, "session", "Leave-one-session-out", "Add recordings of other sessions")


def loso_text(protocol: Protocol, utterances: Sequence[Utterance]) -> tuple[Fold, ...]:  # noqa: ARG001
    """Leave one speaker and one text out: one fold a pair, trained on utterances of neither; see `text_folds`.

    Raises
    ------
    AffexError
        If there are fewer than two speakers, or no text is known.
    """
    _require_several(speakers := clusters(utterances, "speaker").of, *BY_SPEAKER)
    texts = text_folds.texts_of(utterances)
    _require_texts(texts)
    return tuple(Fold(part.name, part.train, part.test) for part in text_folds.apart(speakers, texts))


def text_out(protocol: Protocol, utterances: Sequence[Utterance]) -> tuple[Fold, ...]:  # noqa: ARG001
    """Leave one text out, or one of ten groups of many texts: **leaks speakers**, to measure what unheard text costs.

    Raises
    ------
    AffexError
        If no text is known, or there is only one.
    """
    _require_texts(text_folds.texts_of(utterances))
    groups = text_folds.grouped(text_folds.each_once(utterances))
    _require_several(groups, "text", "Leave-one-text-out", "Add recordings of other texts")
    return tuple(_fold(str(name), groups == name) for name in np.unique(groups))


def _require_texts(texts: Sequence[str | None]) -> None:
    if not any(texts):
        raise AffexError(
            f"The text of none of the {len(texts)} utterances is known, so no fold can leave texts out.\nGive a table "
            "with the column text (the words) or sentence (a code), or say PROTOCOL=loso."
        )


def group_k(protocol: Protocol, utterances: Sequence[Utterance]) -> tuple[Fold, ...]:
    """Leave out one of `k` groups of speakers.

    Speakers are taken in descending order of their number of utterances; each joins the group with the fewest.

    Raises
    ------
    AffexError
        If there are fewer speakers than groups.
    """
    found = clusters(utterances)
    counts = Counter(found.of.tolist())
    stand_in = "" if found.unit == "speaker" else f" ({found.unit}s replace speakers, because no speaker is named)"
    _require_k(protocol, f"groups of {found.unit}s{stand_in}", sorted(counts), f"{found.unit}s")
    group_of = evenly(counts, protocol.k)
    groups = np.array([group_of[name] for name in found.of.tolist()])
    return tuple(_fold(f"group {number + 1}", groups == number) for number in range(protocol.k))


def random_k(protocol: Protocol, utterances: Sequence[Utterance]) -> tuple[Fold, ...]:
    """Distribute the utterances over `k` folds regardless of speaker: **leaks speakers**, to measure a leak's effect.

    Utterances are distributed in the order of the sha256 of their ids, which is random but fixed.

    Raises
    ------
    AffexError
        If there are fewer utterances than folds.
    """
    _require_k(protocol, "parts of the utterances", [utterance.id for utterance in utterances], "utterances")
    digests = [hashlib.sha256(utterance.id.encode()).digest() for utterance in utterances]
    dealt = np.empty(len(utterances), dtype=np.int64)
    dealt[sorted(range(len(utterances)), key=digests.__getitem__)] = np.arange(len(utterances)) % protocol.k
    return tuple(_fold(f"part {number + 1}", dealt == number) for number in range(protocol.k))


def split(protocol: Protocol, utterances: Sequence[Utterance]) -> tuple[Fold, ...]:
    """Test the utterances that a fixed split names, in one fold.

    With ``train``, ``validation`` and ``test``: the hyperparameter search trains on ``train`` and is evaluated on
    ``validation``; the final model is trained on both. With ``train`` and one other part: that part is tested, and the
    search uses inner folds over the training speakers.

    Raises
    ------
    AffexError
        If there are no training or no test utterances, or the split file does not fit the corpus.
    """
    side = sides(protocol, utterances)
    train, validation, test = (np.flatnonzero(side == name) for name in ("train", "validation", "test"))
    if not len(train) or not len(validation) + len(test):
        counts = ", ".join(f"{name} {n}" for name, n in sorted(Counter(side.tolist()).items()) if name)
        raise AffexError(
            "The protocol 'split' needs utterances called train, and others called test or validation; found: "
            f"{counts or 'none is called anything'}.\nGive a split column, or PROTOCOL=split:file=mine.csv with the "
            "columns id and split."
        )
    if not len(test):
        return (Fold("validation", train, validation),)
    inner = ((train, validation),) if len(validation) else None
    return (Fold("test", np.sort(np.concatenate([train, validation])), test, inner),)


def given(protocol: Protocol, utterances: Sequence[Utterance], among: Sequence[Utterance] = ()) -> tuple[Fold, ...]:
    """Test in each fold what a table of folds says; a validation part is for the search.

    Raises
    ------
    UsageError, AffexError
        As `given_folds.parts_of`.
    """
    return tuple(
        Fold(
            part.name,
            train=np.sort(np.concatenate([part.train, part.validation])),
            test=part.test,
            inner=((part.train, part.validation),) if len(part.validation) else None,
        )
        for part in given_folds.parts_of(protocol.file, utterances, among or utterances)
    )


def cross(protocol: Protocol, utterances: Sequence[Utterance]) -> tuple[Fold, ...]:
    """Train on some corpora and test on others, in one fold.

    Raises
    ------
    UsageError
        If a named corpus is missing, or is on both sides.
    AffexError
        If one side is empty.
    """
    train, test = corpora_of(protocol, utterances)
    corpora = np.array([utterance.corpus for utterance in utterances], dtype=np.str_)
    if not train or not test:
        raise AffexError(
            "The protocol 'cross' trains on some corpora and tests on others; here there is only "
            f"{', '.join(sorted(set(corpora.tolist())))}.\n"
            "Name two or more, as in DATASET='emodb ravdess' PROTOCOL=cross:test=ravdess."
        )
    named = np.isin(corpora, sorted(test))
    return (Fold("+".join(sorted(test)), np.flatnonzero(np.isin(corpora, sorted(train))), np.flatnonzero(named)),)


def corpora_of(protocol: Protocol, utterances: Sequence[Utterance]) -> tuple[set[str], set[str]]:
    """Return the corpora on which the protocol ``cross`` trains, and those on which it tests.

    Raises
    ------
    UsageError
        If a named corpus is missing, or is on both sides.
    """
    known = sorted({utterance.corpus for utterance in utterances})
    train, test = (set(filter(None, names.split("+"))) for names in (protocol.train, protocol.test))
    for name in sorted(train | test):
        if name not in known:
            raise unknown("corpus (of those evaluated)", name, known)
    if train & test:
        raise UsageError(f"PROTOCOL={protocol}: '{min(train & test)}' cannot be in training and in test.")
    return train or set(known) - test, test or set(known) - train


def all_but(rounds: Sequence[Fold], found: Clusters, exclude: Sequence[str]) -> Fold:
    """Return the fold that trains on the utterances of all folds, except those of the excluded speakers.

    Raises
    ------
    UsageError
        If there is no speaker of that name.
    """
    for name in exclude:
        if name not in found.of:
            raise unknown(found.unit, name, np.unique(found.of).tolist())
    tested = np.unique(np.concatenate([part for fold in rounds for part in (fold.train, fold.test)]))
    excluded = np.isin(found.of[tested], list(exclude))
    return Fold("all", tested[~excluded], tested[excluded])


def require_variety(fold: Fold, y: NDArray[Any], found: Clusters) -> None:
    """Raise an error if all training utterances of a fold have one class, or one value.

    Raises
    ------
    AffexError
        The message names fold, class and speakers.
    """
    values = np.unique(y[fold.train])
    if len(values) > 1:
        return
    names = np.unique(found.of[fold.train]).tolist()
    who = f"{len(names)} {found.unit}{'s' * (len(names) != 1)} ({', '.join(names[:3])}{' ...' * (len(names) > 3)})"
    all_of = f"all of them are '{values[0]}'" if len(values) else "there is none"
    raise AffexError(
        f"Fold {fold.name}: it has {len(fold.train)} training utterances of {who}, and {all_of}: training needs at "
        f"least two different ones.\nAdd recordings of {found.unit}s with others, or use another split, as with "
        "PROTOCOL=split and a split column."
    )


def require_classes(protocol: Protocol, fold: Fold, classes: Sequence[str], y: NDArray[Any]) -> None:
    """Raise an error if a fold of a protocol that leaves texts out trains on no utterance of a class.

    A speaker and a text left out together may take a class away, for example where each class has texts of its own.

    Raises
    ------
    AffexError
        The message names the fold and the classes.
    """
    if protocol.scheme not in OF_TEXTS:
        return
    trained = set(y[fold.train].tolist())
    lacking = [name for name in classes if name not in trained]
    if lacking:
        raise AffexError(
            f"Fold {fold.name}: none of its {len(fold.train)} training utterances has the class "
            f"{' or '.join(repr(name) for name in lacking)}, so that {protocol.scheme} would test what no model could "
            "have learned.\nLeave the class out, or merge it with another one, as with CLASSES='a,b+c'; or say "
            "PROTOCOL=loso."
        )


def notes(y: Labels, rounds: Sequence[Fold]) -> tuple[str, ...]:
    """Return a sentence for each class that the folds cannot evaluate properly.

    These are classes with a single utterance, and classes that a fold tests but that its training speakers lack.
    """
    single = [str(name) for name, n in sorted(Counter(y.tolist()).items()) if n == 1]
    return tuple(f"'{name}' has 1 utterance: its recall can only be 0 or 1" for name in single) + tuple(
        f"fold {fold.name}: '{name}' is in no training utterance, so it cannot be predicted there (score 0)"
        for fold in rounds
        for name in sorted(set(y[fold.test].tolist()) - set(y[fold.train].tolist()))
    )


def _require_k(protocol: Protocol, parts: str, names: Sequence[str], what: str) -> None:
    """Raise an error unless `k` is between 2 and the number of items to distribute.

    Raises
    ------
    AffexError
        The message gives the valid values of `k`, or states that there is none with fewer than two items.
    """
    n = len(names)
    if n < 2:
        found = f"only one, '{names[0]}'" if n else "none"
        raise AffexError(
            f"{protocol.scheme} makes k={protocol.k} {parts}, and there is {found}: none is left for testing "
            f"or training, whatever k is.\nAdd recordings of other {what}, or name the speakers, if there are several."
        )
    if not 2 <= protocol.k <= n:
        raise AffexError(
            f"{protocol.scheme} makes k={protocol.k} {parts}, and there are {n}: expected "
            f"{f'2 to {n}' if n > 2 else '2'}, as in PROTOCOL={protocol.scheme}:k={min(n, max(2, protocol.k))}."
        )


def _one_out(utterances: Sequence[Utterance], unit: str, protocol: str, advice: str) -> tuple[Fold, ...]:
    of = clusters(utterances, unit).of
    _require_several(of, unit, protocol, advice)
    return tuple(_fold(str(name), of == name) for name in np.unique(of))


def _require_several(of: Labels, unit: str, protocol: str, advice: str) -> None:
    names = np.unique(of)
    if len(names) < 2:
        found = ", ".join(f"'{name}'" for name in names) or "none"
        raise AffexError(
            f"{protocol} needs at least 2 {unit}s, found {len(names)}: {found}.\n"
            f"{advice}, or check the corpus's {unit} names."
        )


def _fold(name: str, tested: NDArray[np.bool_]) -> Fold:
    return Fold(name, train=np.flatnonzero(~tested), test=np.flatnonzero(tested))


def sides(protocol: Protocol, utterances: Sequence[Utterance]) -> Labels:
    """Return the side of each utterance of a split; empty for an utterance on neither side."""
    if not protocol.file:
        return np.array([utterance.split or "" for utterance in utterances], dtype=np.str_)
    side_of = dict(_listed(Path(protocol.file)))
    if not side_of.keys() & {utterance.id for utterance in utterances}:
        raise AffexError(
            f"{protocol.file} names no utterance of this corpus (it names {next(iter(side_of), 'nothing')}, the corpus "
            f"has {utterances[0].id})."
        )
    return np.array([side_of.get(utterance.id, "") for utterance in utterances], dtype=np.str_)


def _listed(table: Path) -> Iterator[tuple[str, str]]:
    rows = csv.DictReader(_content(table).decode("utf-8-sig", "replace").splitlines())
    if not {"id", "split"} <= set(rows.fieldnames or ()):
        raise AffexError(f"{table} is no split file: expected a table with the columns id and split.")
    for number, row in enumerate(rows, 2):
        side = normal(row["split"] or "")
        if side not in ("train", "validation", "test", ""):
            raise AffexError(
                f"{table}, row {number}: 'split' is '{row['split']}', expected train, validation, test or nothing."
            )
        yield row["id"], side


def _content(table: Path) -> bytes:
    try:
        return content(table)
    except OSError as error:
        raise AffexError(f"The split file {table} cannot be read: {error.strerror}.") from error


#: The unit that is left out as a whole, by the name of the protocol.
SCHEMES: Mapping[str, Callable[[Protocol, Sequence[Utterance]], tuple[Fold, ...]]] = {
    "loso": loso,
    "session": session,
    "group-k": group_k,
    "split": split,
    "folds": given,
    "cross": cross,
    "random-k": random_k,
    "loso+text": loso_text,
    "text": text_out,
}
