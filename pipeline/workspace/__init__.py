"""The arrows joined: a workspace holds corpora, the cache and where work runs; experiments run in it."""
