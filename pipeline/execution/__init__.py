"""Where work runs: in this process, on a local Dask cluster, or on any running Dask scheduler."""
