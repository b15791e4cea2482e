"""What the features of motion capture share: markers, gaps and derivatives."""
