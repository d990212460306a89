"""Trains the offline demo writer: the demo model's body with its head, on verse anyone may use.

``text`` is what it reads, ``tokenizer`` its single characters, ``train`` the next-token training
by transformers' own trainer, ``export`` the folder that is committed.
"""
