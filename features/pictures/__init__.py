"""What features of pictures share: which are wanted, and how they are collected."""
