"""The arrow from a table to a model that is taken away, and from recordings to what it says of them."""
