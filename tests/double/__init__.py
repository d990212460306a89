"""The double of the GPU: CuPy, cuDF, cuML, cuVS, RMM and FAISS-GPU, computed on the CPU.

Stand-in modules with the names and signatures of `tools/gpu_contract/record.json`, which was
recorded from the real libraries: an argument or a name that they lack is refused here too, and so
is a value that they refuse, at the moment they do. Their arrays and tables are strict types which
nothing turns into NumPy or pandas unasked. What they compute comes from the CPU's libraries, so
that a run on the double can be compared with a run on the CPU. It proves nothing about a GPU's
arithmetic, streams, memory or speed.

Where the double is stricter than the real libraries, on purpose: it takes no NumPy array where
CuPy or cuDF would upload one unasked (an index, a column), no column that isn't a number, and it
raises where CuPy wraps an index that is out of range. Where the real order of rows is not given
(merges, groups without sort, ties of a sort) the double's is shuffled.

`python -m tests.double [--fail CALL:N] [--ledger FILE] -- ARGUMENTS` runs the command line on it.
"""
