"""The arrow from media to rows: batches through Dask stages, decoded once, computed, handed to the cache."""
