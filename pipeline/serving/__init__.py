"""Networks for many streams: local processes decode and follow, one process a GPU runs networks in full batches."""
