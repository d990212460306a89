"""The rooms of `rapids-rap nightly`; `rapids_rap.nightly` is the straight line through them.

In the order they are used: `root` (the folder of the nights: names, state, latest, retention),
`basis` (what decides a night, and what of it changed), `names` (what people named), `preflight`
(disk and memory), `drift` and `gates` (is tonight much worse?), `record` (nightly.json and its
sentences), `afterwards` with `metrics` (status, Prometheus, the notify command).
"""
