"""The arrows joined: a workspace holds corpora, the cache and the place where work runs; experiments use it."""
