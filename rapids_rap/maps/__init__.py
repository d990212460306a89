"""What does it look like? Rasters, labels, colours, fonts: the pictures."""
