"""The arrow from rows to the HDF5 cache and back: what is kept, keyed, sealed and verified."""
