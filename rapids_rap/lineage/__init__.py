"""Which cluster is which? Groups matched from run to run, ids, and what a run hands down."""
