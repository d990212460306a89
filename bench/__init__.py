"""Benchmarks: public corpora, scenarios and the CPU baseline they are compared with."""
