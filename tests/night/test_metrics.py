"""Prometheus' text: every sample parses, and nothing that isn't known is written."""

import re

from rapids_rap.night.metrics import render_metrics

SAMPLE = re.compile(r'rapids_rap_nightly_[a-z_]+(\{[a-z]+="[a-z_]+"\})? -?[0-9.]+(e-?[0-9]+)?')
STATUS = {
    "ended": 1795739827.5,
    "last_success": 1795739000.25,
    "exit_code": 5,
    "figures": {
        "lines": 314,
        "noise_share": 1e-07,
        "clusters": 6,
        "clusters_kept": 5,
        "clusters_born": 1,
    },
    "gates": [
        {"gate": "max_noise", "value": 0.2, "limit": 0.9, "passed": True, "why": ""},
        {"gate": "min_ids_kept", "value": 0.1, "limit": 0.5, "passed": False, "why": ""},
        {"gate": "max_dbcv_fall", "value": None, "limit": 0.3, "passed": None, "why": ""},
    ],
}


def test_every_line_is_a_sample_or_its_description():
    """Samples parse, follow their own HELP and TYPE, and the file ends with a line end."""
    text = render_metrics(STATUS)
    assert text.endswith("\n")
    described = set()
    for line in text.splitlines():
        if line.startswith("#"):
            described.add(line.split()[2])
        else:
            assert SAMPLE.fullmatch(line), line
            assert re.match("[a-z_]+", line)[0] in described
    expected = (
        "exit_code 5",
        'gate_passed{gate="max_noise"} 1',
        "noise_share 1e-07",
        'clusters_by_change{change="born"} 1',
        'gate_passed{gate="min_ids_kept"} 0',
    )
    for line in expected:
        assert f"rapids_rap_nightly_{line}\n" in text
    assert "max_dbcv_fall" not in text


def test_a_first_night_that_failed_says_only_that():
    """Without a success and without figures there are none."""
    text = render_metrics({"ended": 1.5, "last_success": None, "exit_code": 2, "figures": {}})
    assert "last_success" not in text
    assert len([line for line in text.splitlines() if not line.startswith("#")]) == 2
