"""What do the texts say? Words, their weights, terms, lexicons."""
