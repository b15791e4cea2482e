"""Exchange: from the cache to the files of other projects, and from theirs into the cache. One format, one module."""
