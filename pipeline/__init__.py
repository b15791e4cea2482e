"""affex: affect features, extracted once, judged honestly.

The flow, left to right; nothing flows back::

    corpora -> manifest -> media -> features -> store -> matrix -> splits -> classifiers -> evaluate -> report
"""

__version__ = "0.1.0"
