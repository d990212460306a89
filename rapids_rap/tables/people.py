"""What people say of a run's clusters, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FIT = "fit"


def people_said(quality: Mapping[str, Any]) -> str:
    """How far coders agree on which lines belong to a cluster; "" where nobody was asked."""
    people = quality.get("people")
    found = people.get(FIT) if isinstance(people, Mapping) else None
    if not isinstance(found, Mapping):
        return ""
    said = (
        f"People: {found.get('coders')} coders, whether {found.get('items')} lines belong to their "
        f"clusters: Krippendorff's alpha {_alpha(found)}"
    )
    right = found.get("right")
    if not isinstance(right, float):
        return f"{said}."
    return f"{said}; they answer as the run does for {right:.0%} of {found.get('right_items')}."


def _alpha(found: Mapping[str, Any]) -> str:
    value, interval = found.get("value"), found.get("interval")
    if not isinstance(value, float):
        return "not computed"
    if not isinstance(interval, list):
        return f"{value:.3f} ({found.get('note') or 'no interval'})"
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"
