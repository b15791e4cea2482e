"""Published systems by name: from a file of settings to an evaluation that repeats them, as far as affex can."""
