"""Trains the offline demo model: a 5-million-parameter Qwen2 on verse that anyone may use.

One phase a file, in the order they run: ``tokenizer``, ``data``, ``model`` (the start),
``warmup`` (next token), ``contrastive`` (next line), ``evaluate``, ``export``.
"""
