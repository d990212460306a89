"""How good is it? Every figure with its baseline."""
