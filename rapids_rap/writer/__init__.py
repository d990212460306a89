"""A generator of rap lyrics: a causal model tuned on a run's songs, decoded under constraints.

Training: `songs` (a run's songs and what is known of them), `examples` (passages under a header),
`base` (which model), `plan` (what fits), `tuning` (transformers' trainer), `train`; `folder` and
`record` are what it leaves. Judging, with its own counting: `measures`, `recognition`, `baselines`,
`likelihood`, `judge`.
"""
