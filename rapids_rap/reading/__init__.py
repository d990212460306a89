"""What is in a run? Searched, summed up, and new lyrics put into it."""
