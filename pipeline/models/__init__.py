"""The arrow from a table to a model file, and from recordings to the model's predictions."""
