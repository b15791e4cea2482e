"""What stands on both sides of other people's folds, from one Python call."""

from typing import TYPE_CHECKING

from affex.opening import PathLikeText, path

if TYPE_CHECKING:
    from affex.pipeline.evaluation.key_audit import FoldsAudit


def audit_folds(file: PathLikeText, *, speaker: str = "", dataset: str = "") -> "FoldsAudit":
    r"""Return which speakers, recordings and texts are on both sides of folds, from their keys alone.

    Parameters
    ----------
    file
        A table of folds, or a folder of such, of one corpus or of many.
    speaker
        A regular expression whose group is the speaker in a key, as in ``"s(\d+)_"``; empty for the corpus's.
    dataset
        The corpus whose keys these are; empty for what the files call it.

    Returns
    -------
    FoldsAudit
        A table for each corpus; ``clean`` if nothing leaks and every speaker is known.

    Raises
    ------
    AffexError
        If the files cannot be read, or the expression is none.
    """
    from affex.pipeline.evaluation import key_audit

    return key_audit.audit(path("file", file), speaker=speaker, corpus=dataset)
