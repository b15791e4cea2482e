"""The arrow from media to rows: batches go through Dask stages, are decoded once, computed and written to the cache."""
