"""Settings: what is evaluated, and how; one record from the command line, Python or a file to the results."""

from dataclasses import asdict, dataclass

from affex.classifiers.base import Classifier
from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation.results import About
from affex.pipeline.streams.table import SpeakerNorm


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is evaluated, and how; equal settings on an equal matrix give equal results.

    Parameters
    ----------
    corpus
        The corpus's name.
    features
        The features' specs; several stand side by side (early fusion).
    keys
        The cache key of each feature.
    classifier
        The classifier with its settings.
    protocol
        The protocol, with the target and the classes.
    speaker_norm
        Whether each column is z-scored within each speaker, or has the speaker's ``"mean"`` taken away
        (transductive).
    reweight
        Whether scores are multiplied by the square root of how often their class occurs among the training
        utterances, which favours frequent classes, as in Zhou et al., "Exploring emotion features and fusion
        strategies for audio-video emotion recognition" (2019, arXiv:2012.13912).
    soft
        Whether a training utterance counts for each class in the share of its raters who chose it.
    seed
        Seeds all that is random.
    device
        ``"cpu"`` or ``"cuda"``.
    """

    corpus: str
    features: tuple[str, ...]
    classifier: Classifier
    keys: tuple[str, ...] = ()
    protocol: Protocol = LOSO
    speaker_norm: SpeakerNorm = False
    reweight: bool = False
    soft: bool = False
    seed: int = 0
    device: str = "cpu"

    def about(self, unit: str = "speaker") -> About:
        """Return what a result says of these settings."""
        norms = {"spknorm": self.speaker_norm is True, "spkmean": self.speaker_norm == "mean"}
        options = {**norms, "reweighted": self.reweight, "soft": self.soft}
        record = {
            "corpus": self.corpus,
            "features": " ".join(self.features),
            "feature_keys": list(self.keys),
            "classifier": self.classifier.name,
            "classifier_settings": asdict(self.classifier),
            "speaker_norm": self.speaker_norm,
            "reweight": self.reweight,
            "soft": self.soft,
            "seed": self.seed,
            "device": self.device,
        }
        return About(
            self.corpus,
            self.protocol,
            ("+".join(self.features), self.classifier.name, *(name for name, on in options.items() if on)),
            record,
            self.classifier.scores + ("; times the square root of the class's frequency" if self.reweight else ""),
            bool(self.speaker_norm),
            unit,
        )
