"""Where is it kept? Files whole or not at all, the run folder, the stage cache."""
