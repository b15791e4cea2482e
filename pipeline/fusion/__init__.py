"""The arrow from several runs' scores to one result: fusion rules and their training data."""
