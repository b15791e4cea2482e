"""The arrow from several runs' scores to one: rules, and what they may learn from."""
