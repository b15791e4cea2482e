"""Settings: the arrow from the command line, Python or a file to one record of settings, used up to the results.

A field's name is that of the option, of the key in a TOML file and, in capitals, of the variable of make. From the
field's metadata come the option's help and what the results say of it. So a new setting is a field here and the
place that uses it (and a line in the Makefile, which cannot read this file).

`Plan` holds the settings of one model after all names have been looked up.
"""

import dataclasses
import json
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from affex.classifiers.base import Classifier
from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation.results import About, ModelSettings, Soft
from affex.pipeline.streams.enrolment import enrolment_of, is_enrolment
from affex.pipeline.streams.table import SpeakerNorm
from affex.pipeline.text.errors import UsageError

#: The value of ``soft`` for a model of the raters.
DAWID_SKENE: Literal["dawid-skene"] = "dawid-skene"
#: The first line of a file of settings.
AGAIN = "# The same run again: `affex evaluate --config settings.toml`\n"
#: The largest seed that numpy takes.
MOST_SEED = 2**32 - 1
#: The most seeds of a run.
MOST_SEEDS = 1000


def _setting(default: Any, help_: str, *, words: Mapping[Any, str] | None = None, **metadata: Any) -> Any:
    """Return a field of `Settings`.

    Parameters
    ----------
    help_
        What the option's help says.
    words
        The text for a value in titles and in the names of runs; the results' record includes fields with words.
    metadata
        ``recorded=True``: it is in the results' record, too. ``fitted=False``: it has no meaning for a single model.
        ``several="names"`` or ``"paths"``: a text of several, for which a file may have an array. ``between``: the
        least and the largest number. ``choices``: all values there are.
    """
    recorded = {"recorded": True, "words": words} if words else {}
    return field(default=default, metadata={"help": help_} | recorded | metadata)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is evaluated, and how; equal settings on equal rows give equal results.

    Parameters
    ----------
    dataset
        The corpora's names, separated by blanks.
    data
        The corpora's folders, or the table; None for ``data/<dataset>``.
    partial
        Whether to accept an incomplete corpus, and counts that differ from those a protocol asserts.
    system
        The name of a published system, whose settings (see `pipeline.systems`) are already in the others.
    features
        The features' specs, separated by blanks; several stand side by side (early fusion) or make a model each (late
        fusion). None for what the classifier prefers.
    classifier
        The spec of the classifier, or of several, as in ``"svm:C=1"``.
    protocol
        The protocol's spec, as in ``"group-k:k=5"``; empty for the corpus's first.
    target
        What is predicted; None for the protocol's target.
    classes
        The classes that count, as `pipeline.evaluation.selection.class_map` reads them; None for the protocol's.
    speaker_norm
        Whether each column is z-scored within each speaker, or only the speaker's ``"mean"`` is subtracted
        (transductive); or ``"enrol:n=10"``: a test utterance is z-scored with 10 others of its speaker, drawn anew
        ``draws`` times (5), of those with a label ``from``. ``n=all`` takes all others, ``n=5+10`` each number in turn.
    reweight
        Whether scores are multiplied by the square root of how often their class occurs among the training
        utterances, which favours frequent classes, as in Zhou et al., "Exploring emotion features and fusion
        strategies for audio-video emotion recognition" (2019, arXiv:2012.13912).
    soft
        Whether a training utterance counts for each class in proportion to the raters who chose the class, or by
        ``"dawid-skene"``, a model of how far each rater can be trusted (see `pipeline.evaluation.dawid_skene`).
    seed
        Seed of all random numbers.
    seeds
        How many seeds a model with random numbers runs with: `seed` and the next ones.
    device
        ``"cpu"`` or ``"cuda"``.
    fusion
        ``"early"``, or ``"late"`` with the name of a rule, as in ``"late:mean"``.
    runs
        Finished runs that are fused instead of evaluating anything, separated by blanks.
    enrol
        Whether the same model is also evaluated on rows that are normalised with 5, 10, 20 and all other utterances of
        the tested speaker: the price of normalisation.
    inner
        Whether a run keeps the inner scores that a fusion may learn from.
    sets
        How often a prediction set may lack the true class, as in .1; 0 for no sets. Sets need inner scores.
    moments
        Whether a run keeps the scores of the rows of tested utterances over time.
    leak
        Whether to repeat the evaluation under the protocols that show what a leak is worth.
    controls
        How many size-matched controls each fold of ``loso+text`` has; with `leak`, 10 unless more are asked for.
    allow_leaks
        Whether to go on where the audit finds leaks.
    identity
        Whether to check by voices and faces that each speaker's name is one person.

    Raises
    ------
    UsageError
        If a value has another type, or is out of range.
    """

    dataset: str | None = _setting(
        None, "Corpus (see `affex list`), or csv; several separated by blanks.", several="names"
    )
    data: str | None = _setting(None, "Its folder, or the table; as many as corpora. [data/<dataset>]", several="paths")
    partial: bool = _setting(False, "Accept an incomplete corpus.")
    system: str | None = _setting(
        None, "A published system (see `affex list systems`); its settings are the defaults.", recorded=True
    )
    features: str | None = _setting(
        None, "Features, separated by blanks. [what the classifier prefers]", several="names"
    )
    classifier: str = _setting("svm", "Classifier, with parameters after a colon.", several="names")
    protocol: str = _setting("", "Protocol, with parameters after a colon. [the corpus's first]")
    target: str | None = _setting(None, "What is predicted: label, valence, or another field of the utterances.")
    classes: str | None = _setting(None, "Classes that count, merged with +, as in 'ang,neu,sad,hap+exc'. [all]")
    speaker_norm: SpeakerNorm = _setting(  # noqa: RUF009 - a field like the others
        False,
        "z-scores within each speaker; mean: only subtracts the speaker's mean (both transductive); enrol:n=10: "
        "z-scores with 10 other utterances of the speaker.",
        words={True: "spknorm", "mean": "spkmean"},
    )
    reweight: bool = _setting(
        False, "Scores times the square root of the class's frequency.", words={True: "reweighted"}
    )
    soft: Soft = _setting(  # noqa: RUF009 - a field like the others
        False,
        "Train on the shares of the raters' votes; dawid-skene: on what a model of the raters makes of them.",
        words={True: "soft", DAWID_SKENE: DAWID_SKENE},
    )
    seed: int = _setting(0, "Seed of all random numbers.", recorded=True, between=(0, MOST_SEED))
    seeds: int = _setting(
        1, "With how many seeds a model with random numbers runs; figures are means.", recorded=True, fitted=False,
        between=(1, MOST_SEEDS),
    )  # fmt: skip
    device: str = _setting("cpu", "Where networks, SVM, XGBoost compute.", recorded=True, choices=("cpu", "cuda"))
    fusion: str = _setting("early", "early (columns side by side) or late[:rule] (scores).", fitted=False)
    runs: str | None = _setting(
        None, "Finished runs, by name or folder, separated by blanks.", fitted=False, several="paths"
    )
    enrol: bool = _setting(
        False, "Also evaluate with 5, 10, 20 and all others of a speaker enrolled (see enrol:n=10).", fitted=False
    )
    inner: bool = _setting(False, "Keep inner scores, on which a fusion may be trained (slower).", fitted=False)
    sets: float = _setting(
        0.0, "Also give sets of classes that lack the true one in this share. [0: none]", fitted=False
    )
    moments: bool = _setting(False, "Keep the scores of rows: which moment tells the class.", fitted=False)
    leak: bool = _setting(False, "Also evaluate other folds, to show the effect of a leak.", fitted=False)
    controls: int = _setting(
        0, "Size-matched controls of each fold of loso+text. [10 with LEAK=1]", fitted=False, between=(0, 1000)
    )
    allow_leaks: bool = _setting(False, "Continue if the audit finds leaks; outputs carry a warning.", fitted=False)
    identity: bool = _setting(False, "Check by voice and face that each speaker is one person.", fitted=False)

    def __post_init__(self) -> None:
        """Raise an error for invalid values, whatever their source."""
        for name in FIELDS:
            if wanted := expected(name, value := getattr(self, name)):
                raise UsageError(f"{name} = {shown(value)}: expected {wanted}.")
        if is_enrolment(self.speaker_norm):
            object.__setattr__(self, "speaker_norm", str(enrolment_of(self.speaker_norm)))  # one spelling, one run
        if self.enrol and self.speaker_norm:
            raise UsageError(
                "ENROL=1 sets enrolments beside the run without normalisation: leave out "
                f"SPEAKER_NORM={self.speaker_norm}."
            )

    @property
    def keeps_inner(self) -> bool:
        """Whether a run keeps its inner scores: for a fusion, or for prediction sets."""
        return self.inner or self.sets > 0

    @property
    def recorded(self) -> dict[str, Any]:
        """The settings in the results' record, by name; the record contains the others in resolved form."""
        return {one.name: getattr(self, one.name) for one in FIELDS.values() if one.metadata.get("recorded")}

    @property
    def words(self) -> tuple[str, ...]:
        """The text for the settings in titles and in the names of runs."""
        named = ((one.metadata.get("words") or {}, getattr(self, one.name)) for one in FIELDS.values())
        enrolled = [self.speaker_norm] if is_enrolment(self.speaker_norm) else []
        words = (words[value] for words, value in named if value in words)
        return (*enrolled, *words, *([self.system] if self.system else ()))


#: The fields of `Settings` by name, and their types.
FIELDS = {one.name: one for one in dataclasses.fields(Settings)}
TYPES = typing.get_type_hints(Settings)


def expected(name: str, value: object) -> str:
    """Return a description of a setting's valid values; an empty text if this value is valid."""
    kind, metadata = TYPES[name], FIELDS[name].metadata
    if kind in (bool, SpeakerNorm, Soft):
        return _expected_of_switch(kind, value)
    if kind is int:
        least, most = metadata["between"]
        return "" if type(value) is int and least <= value <= most else f"a whole number from {least} to {most}"
    if kind is float:
        is_share = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1
        return "" if is_share else "a number from 0 to less than 1"
    if "choices" in metadata:
        return "" if value in metadata["choices"] else " or ".join(map(shown, metadata["choices"]))
    is_text = isinstance(value, str) or value is FIELDS[name].default
    return "" if is_text else "a text in quotes" + (", or an array of such" if "several" in metadata else "")


def _expected_of_switch(kind: Any, value: object) -> str:
    """Return a description of the valid values of a switch, some of which also take a name; empty if this is one."""
    if kind == SpeakerNorm:
        named, others = value == "mean" or is_enrolment(value), ', false, "mean" or "enrol:n=10"'
    elif kind == Soft:
        named, others = value == DAWID_SKENE, f', false or "{DAWID_SKENE}"'
    else:
        named, others = False, " or false"
    return "" if isinstance(value, bool) or named else f"true{others}"


def shown(value: object) -> str:
    """Return a value as TOML has it, for messages."""
    return _toml_value(value) if isinstance(value, str | bool | int | float) else str(value)


def as_toml(settings: Settings, estimator: Mapping[str, Any] | None = None) -> str:
    """Return settings as the text of a TOML file (https://toml.io, 1.0); what is None is left out.

    Parameters
    ----------
    estimator
        The class and the parameters of an estimator that was passed as an object. The file has them as a comment,
        since no setting can hold an object.
    """
    passed = estimator is not None and settings.runs is None
    return "".join([*(_passed_lines(estimator) if passed else [AGAIN]), *_toml_lines(settings)])


def _passed_lines(estimator: Mapping[str, Any] | None) -> Iterator[str]:
    yield "# No file repeats this run: its classifier is an estimator object that was passed from Python. Pass\n"
    yield "# `affex.evaluate` an equal one, of this class and with these parameters (get_params):\n"
    for line in json.dumps(estimator, indent=2).replace("\x7f", "\\u007F").splitlines():
        yield f"# {line}\n"


def _toml_lines(settings: Settings) -> Iterator[str]:
    for name in FIELDS:
        if (value := getattr(settings, name)) is not None:
            yield f"{name} = {_toml_value(value)}\n"


def _toml_value(value: str | bool | float) -> str:
    """Return a value as TOML; a text is escaped as in JSON, and DEL, which TOML forbids in addition."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One model that is evaluated or fitted: settings with all names looked up.

    Parameters
    ----------
    corpus
        The corpus's name; several joined with a plus.
    features
        The features' specs, as they are read; several stand side by side (early fusion).
    keys
        The cache key of each feature.
    classifier
        The classifier with its settings.
    protocol
        The protocol, with the target and the classes.
    settings
        All the rest; its names of features, classifier and protocol are looked up already, and no longer read.
    """

    corpus: str
    features: tuple[str, ...]
    classifier: Classifier
    keys: tuple[str, ...] = ()
    protocol: Protocol = LOSO
    settings: Settings = Settings()

    def about(self, unit: str = "speaker") -> About:
        """Return the result's description of the plan."""
        made = ModelSettings(
            features=self.features,
            feature_keys=self.keys,
            classifier=self.classifier.name,
            classifier_settings=dict(self.classifier.settings),
            **self.settings.recorded,
        )
        averaged = self.classifier.averaged
        mean = f"; the mean over the {averaged} of an utterance" if averaged else ""
        times = "; times the square root of the class's frequency" if self.settings.reweight else ""
        return About(
            self.corpus,
            self.protocol,
            ("+".join(self.features), self.classifier.name, *self.settings.words),
            made,
            self.classifier.scores + mean + times,
            unit,
            self.classifier.probabilities and not self.settings.reweight,
        )
