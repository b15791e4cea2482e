"""What features of motion capture share."""
