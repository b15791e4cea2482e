"""Features that other projects computed."""
