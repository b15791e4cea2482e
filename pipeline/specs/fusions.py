"""Fusions: the arrow from the setting ``FUSION`` to what a rule reads besides scores, before any rule is loaded."""

from affex.pipeline.specs import grammar

#: The rules that read the turns of a dialog in order of time. They take the scores of one model, too.
OF_DIALOGS = ("chain", "lstm")


def reads_dialogs(fusion: str) -> bool:
    """Return whether a fusion, as in ``"late:chain"``, reads the turns of dialogs."""
    return grammar.name_of(fusion) == "late" and grammar.after_name(fusion) in OF_DIALOGS
