"""affex: audio-visual emotion recognition, from a corpus on disk to an evaluation that does not leak."""

__version__ = "0.1.0"
