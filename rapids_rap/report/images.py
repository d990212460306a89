"""The maps as they stand in the page: smaller and lighter than the files they link to."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat

from PIL import Image

BUDGET = 4_000_000  # bytes of all pictures together, before base64 makes them a third longer
_WIDTHS = (1800, 1400, 1000, 700)


@dataclass(frozen=True)
class PageImage:
    """A picture of the page: its file beside the page, its names, and its bytes as a data URI."""

    name: str
    chinese: str
    english: str
    uri: str
    width: int
    height: int


def page_images(maps: Mapping[str, bytes], names: Mapping[str, tuple[str, str]]) -> list[PageImage]:
    """The maps in the order of `names` (file → Chinese, English), others after them.

    JPEG at full chroma, so that small characters stay legible; all of one width, the largest that
    keeps them within `BUDGET`.
    """
    order = [name for name in names if name in maps] + sorted(set(maps) - set(names))
    encoded: list[tuple[bytes, int, int]] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow works without Python's lock
        for width in _WIDTHS:
            encoded = list(pool.map(_shrink, (maps[name] for name in order), repeat(width)))
            if sum(len(data) for data, _, _ in encoded) <= BUDGET:
                break
    images = []
    for name, (data, width, height) in zip(order, encoded, strict=True):
        chinese, english = names.get(name, (name, name))
        uri = "data:image/jpeg;base64," + base64.b64encode(data).decode()
        images.append(PageImage(name, chinese, english, uri, width, height))
    return images


def _shrink(png: bytes, width: int) -> tuple[bytes, int, int]:
    image = Image.open(io.BytesIO(png)).convert("RGB")
    if image.width > width:
        height = max(1, round(image.height * width / image.width))
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=86, subsampling=0)
    return buffer.getvalue(), image.width, image.height
