"""Companions: the arrow from the settings of a run to those of the run itself, and of the runs that stand beside it."""

from dataclasses import replace

from affex.pipeline.evaluation import controls, protocols
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.reporting.leak import LEAKY
from affex.pipeline.streams.enrolment import is_enrolment
from affex.pipeline.text.errors import UsageError


def with_controls(settings: Settings) -> Settings:
    """Return the settings of the run itself, with size-matched controls if it is to show what a leak adds.

    Raises
    ------
    UsageError
        If controls are asked for where there are none.
    """
    scheme, late = protocols.of_settings(settings).scheme, settings.fusion.startswith("late")
    if settings.controls and (scheme != controls.SCHEME or late):
        raise UsageError(
            f"CONTROLS={settings.controls}: only folds of {controls.SCHEME} have size-matched controls, those of one "
            "model (not of a fusion of scores). Say PROTOCOL=loso+text, or leave it out."
        )
    n = controls.DRAWS if settings.leak and scheme == controls.SCHEME and not late else 0
    return replace(settings, leak=False, controls=settings.controls or n)


def under(settings: Settings, scheme: str) -> Settings:
    """Return the settings of a run with other folds on the same utterances, which shows what a leak adds."""
    own = settings.protocol or protocols.of_settings(settings).name
    return replace(
        settings,
        protocol=protocols.spec_with_scheme(own, scheme),
        leak=False,
        controls=0,
        enrol=False,
        sets=0.0,
        allow_leaks=settings.allow_leaks or scheme in LEAKY,
    )


def require_single(settings: Settings) -> None:
    """Refuse settings that are about one model, or about new speakers, beside others.

    Raises
    ------
    UsageError
        If no utterance can be enrolled, or no set made, since scores of several models are fused or a leak is shown.
    """
    named = {"ENROL=1": settings.enrol, f"SETS={settings.sets:g}": settings.sets}
    if settings.fusion.startswith("late") and (asked := [name for name, on in named.items() if on]):
        raise UsageError(f"{asked[0]} is about one model: evaluate the members one by one, or leave out FUSION=late.")
    if settings.leak and is_enrolment(settings.speaker_norm):
        raise UsageError(
            "LEAK=1 adds folds with the same speakers on both sides, and SPEAKER_NORM=enrol normalises new speakers: "
            "leave out one of the two."
        )
