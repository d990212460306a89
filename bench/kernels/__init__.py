"""Benchmarks of the Triton kernels on a GPU, against their references and their cost models."""
