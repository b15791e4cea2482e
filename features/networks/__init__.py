"""Trained networks: from pictures to numbers. They work on arrays and weight files only."""
