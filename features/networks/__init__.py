"""Trained networks: from pictures to numbers. They know arrays and weight files, not features, clips or caches."""
