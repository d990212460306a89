"""What is counted? Artists, regions, examples, and the tables of a run."""
