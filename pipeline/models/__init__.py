"""The arrow from a matrix to a model that is taken away, and from recordings to what it says of them."""
