"""The real thing, for whoever has a GPU: `make test-gpu`.

Every test here needs a CUDA device and is skipped, and reported as skipped, without one; a part
whose libraries are missing is skipped by itself, so that a machine with torch, CuPy and Triton
verifies embedding, pooling and silhouette without RAPIDS. What was compared is written as a parity
certificate (see `rapids_rap.certificate`) into the folder that `--certificate` names.
"""
