"""The characters of the map's names, cut out of the bundled font, so that none is ever a box."""

from __future__ import annotations

import base64
import functools
import io

from rapids_rap.data import data_path
from rapids_rap.maps.fonts import BUNDLED

_ALWAYS = "".join(map(chr, range(0x20, 0x7F))) + "·、，。？！：；《》（）"
_MOST = 3000  # characters; more are left to the reader's own fonts


@functools.lru_cache(maxsize=4)
def font_rule(names: str) -> str:
    """A CSS rule for the family `View`, with the characters of `names` that the font has."""
    from fontTools import subset
    from fontTools.ttLib import TTFont

    options = subset.Options()
    options.layout_features = []
    options.hinting = False
    options.desubroutinize = True
    options.recalc_timestamp = False
    with TTFont(data_path(BUNDLED), lazy=True) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes={ord(c) for c in {*_ALWAYS, *sorted(set(names))[:_MOST]}})
        cutter.subset(font)
        made = io.BytesIO()
        font.save(made)
    letters = base64.b64encode(made.getvalue()).decode("ascii")
    return '@font-face { font-family: "View"; src: url("data:font/otf;base64,' + letters + '"); }\n'
