"""Files on the disk: atomic writing, seals that are verified on reading, and the provenance of results."""
