"""How is it told? The page of a run."""
