"""Which texts lie together? Vectors to neighbours, layouts, clusters and themes."""
