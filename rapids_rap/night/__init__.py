"""The rooms of `rapids-rap nightly`; `rapids_rap.nightly` is the straight line through them.

In the order they are used: `root` (the folder of the nights: state, latest, retention) with
`calendar` (names, order and age under wrong clocks) and `readback` (what is read of earlier
nights), `basis` (what decides a night, and what of it changed), `names` (what people named),
`preflight` (what can be known before the work), `drift` and `gates` (is tonight much worse?),
`record` (nightly.json and its sentences), `afterwards` with `metrics` and `command` (status,
Prometheus, the notify command).
"""
