"""Features that other projects made."""
