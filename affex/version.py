"""The version of affex, which files of models and exports name."""

__version__ = "0.1.0"
