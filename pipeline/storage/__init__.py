"""Files on the disk: written whole, sealed, verified when they are read, and which code wrote them."""
