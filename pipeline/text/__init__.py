"""Text for people: errors, names, how commands are worded, and the terminal."""
