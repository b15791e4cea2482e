"""Text for users: errors, names, the wording of commands, and the terminal."""
