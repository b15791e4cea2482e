"""Trained networks: from pictures to numbers. They know arrays and weight files, not features, utterances or caches."""
