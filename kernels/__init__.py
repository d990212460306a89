"""Triton kernels, one operation a file with its plain reference beside it.

The folder is installed as `rapids_rap.kernels` (the top-level import name `kernels` belongs to
another package).
"""
