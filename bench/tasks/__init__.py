"""The sides of the scenarios: each module is one comparison.

A module may have `prepare(inputs)`, run once and not timed, which leaves what the sides share in
`inputs.shared`, and `score(inputs, found)`, which judges with one scorer what every side found.
"""
