"""What features of sound share."""
