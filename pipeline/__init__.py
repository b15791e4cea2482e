"""The flow, left to right; nothing flows back.

corpora -> manifest -> media -> features -> cache -> streams -> folds -> classifiers -> scores -> report
"""
