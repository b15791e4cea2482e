"""What features of pictures share: sampling of frames, and a spool for encoded pictures."""
