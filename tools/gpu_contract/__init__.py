"""What the GPU backend may rely on: real signatures and legal values, recorded from the wheels.

`python -m tools.gpu_contract --write`, run where the wheels of the `[gpu]` extra are installed (no
GPU is needed to import them), records every name of CuPy, cuDF, cuML, cuVS, RMM and FAISS that the
project touches (`names`), with its parameters, kinds and defaults, and the legal values of
arguments that are checked only in `fit` (`legal.toml`), into `record.json`. `--check` records again
and fails on any difference. The double in `tests/double` is built from the record, so what it
accepts is what the real libraries accept.

Only the standard library is imported here, beside the libraries that are recorded.
"""
