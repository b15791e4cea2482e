"""affex: audio-visual emotion recognition, from a corpus on disk to an evaluation that does not leak.

The functions here do what the command line does, and print nothing: sentences go to the log ``affex``, progress to the
usual bar. Every error that a user can mend is an `AffexError` whose message says how.
"""

from affex.auditing import audit_folds
from affex.competing import League, league
from affex.evaluating import Comparison, Evaluation, compare, evaluate, predict
from affex.listing import list_classifiers, list_corpora, list_features, list_systems
from affex.loading import load, load_frames
from affex.pipeline.text.errors import AffexError
from affex.version import __version__

__all__ = [
    "AffexError",
    "Comparison",
    "Evaluation",
    "League",
    "__version__",
    "audit_folds",
    "compare",
    "evaluate",
    "league",
    "list_classifiers",
    "list_corpora",
    "list_features",
    "list_systems",
    "load",
    "load_frames",
    "predict",
]
