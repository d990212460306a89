"""A figure in pixels: the geometry of a picture, and the few things that are drawn on it.

Drawn with matplotlib's Agg canvas on a figure of 72 dots per inch, so that a point is a pixel.
Sizes are those of a 2400 x 1800 design and scaled with the picture. No pyplot, no global state.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.patheffects import Normal, Stroke
from matplotlib.text import Text
from matplotlib.transforms import IdentityTransform
from PIL import Image as Pillow
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from rapids_rap.arrays import UInt8s
from rapids_rap.maps.fonts import Typeface, visible
from rapids_rap.maps.marks import FADES, STRIPE, Mark
from rapids_rap.maps.palette import INK, Colour, faded

Align = Literal["left", "center", "right"]
GREY = (110, 110, 110)
FAINT = (200, 200, 200)
PRINT_DPI = 300
_DESCRIPTION = 270  # the tag of TIFF
_SIZE = re.compile(r'width="[0-9.]+pt" height="[0-9.]+pt"')
PIXELS = IdentityTransform()  # places are given in pixels of the figure


@dataclass(frozen=True)
class Sheet:
    """The geometry of a picture in pixels: header, panel on the left, legend on the right.

    unit: pixels of a length of the 2400 x 1800 design; 0: as many as fit. header, footer, legend:
    room above the panel, below it and right of it, in the design's lengths. dot: the least radius
    of a point's disc in pixels, for a pixel of print is too small to be seen.
    """

    width: int
    height: int
    unit: float = 0.0
    header: int = 196
    footer: int = 84
    legend: int = 560
    dot: int = 0

    @property
    def scale(self) -> float:
        """1.0 at 2400 x 1800, where `unit` says nothing else."""
        return self.unit or min(self.width / 2400, self.height / 1800)

    def px(self, size: float) -> int:
        """A length of the 2400 x 1800 design in this picture's pixels."""
        return round(size * self.scale)

    @property
    def panel_left(self) -> int:
        """Left edge of the panel."""
        return self.px(48)

    @property
    def panel_bottom(self) -> int:
        """Bottom edge of the panel, from below."""
        return self.px(self.footer)

    @property
    def panel_width(self) -> int:
        """Width of the image that the panel holds."""
        return self.width - self.panel_left - self.px(self.legend)

    @property
    def panel_height(self) -> int:
        """Height of the image that the panel holds."""
        return self.height - self.panel_bottom - self.px(self.header)

    @property
    def legend_left(self) -> int:
        """Left edge of the legend."""
        return self.panel_left + self.panel_width + self.px(40)


class Sketch:
    """A figure in pixels with y upwards, and the few things that are drawn on it."""

    def __init__(self, sheet: Sheet, face: Typeface) -> None:
        self.sheet = sheet
        self.face = face
        self.figure = Figure(figsize=(sheet.width / 72, sheet.height / 72), dpi=72)
        self.canvas = FigureCanvasAgg(self.figure)

    def heading(self, title: tuple[str, str], subtitle: str, footnote: str) -> None:
        """Title in two languages, the line of facts under it, and the note at the foot.

        Nothing where the title is empty: in print a caption says it.
        """
        sheet = self.sheet
        if not title[0]:
            return
        left, top = sheet.panel_left, sheet.height
        first = self.text(title[0], left, top - sheet.px(84), 54, weight=1.6)
        room = sheet.width - 2 * left - first - sheet.px(28)
        self.text(
            self.fitted(title[1], 30, room),
            left + first + sheet.px(28),
            top - sheet.px(84),
            30,
            GREY,
        )
        room = sheet.width - 2 * left
        self.text(self.fitted(subtitle, 28, room), left, top - sheet.px(146), 28, GREY)
        self.text(self.fitted(footnote, 24, room), left, sheet.px(32), 24, GREY)

    def text(
        self,
        text: str,
        x: float,
        y: float,
        size: float,
        colour: Colour = INK,
        *,
        weight: float = 0.0,
        align: Align = "left",
        middle: bool = False,
        halo: bool = False,
    ) -> float:
        """Draw one line of text, baseline at y (or its middle), and return its width in pixels.

        size: of the 2400 x 1800 design. weight: pixels by which strokes grow, for titles.
        """
        artist = self._text(text, x, y, size, colour)
        artist.set_horizontalalignment(align)
        artist.set_verticalalignment("center_baseline" if middle else "baseline")
        strokes = []
        if halo:
            strokes.append(
                Stroke(linewidth=max(2, self.sheet.px(7)), foreground="white", alpha=0.85)
            )
        if weight:
            strokes.append(Stroke(linewidth=weight * self.sheet.scale, foreground=_unit(colour)))
        if strokes:
            artist.set_path_effects([*strokes, Normal()])
        self.figure.add_artist(artist)
        return self.measure(text, size)[0]

    def measure(self, text: str, size: float) -> tuple[float, float]:
        """Width and height of a line of text in pixels."""
        artist = self._text(text, 0, 0, size, INK)
        artist.set_figure(self.figure)
        box = artist.get_window_extent(self.canvas.get_renderer())
        return box.width, box.height

    def fitted(self, text: str, size: float, room: float) -> str:
        """The text, cut with an ellipsis where it is wider than the room."""
        if self.measure(text, size)[0] <= room:
            return text
        low, high = 0, len(text)
        while low < high:
            half = (low + high + 1) // 2
            wide = self.measure(text[:half] + "…", size)[0] > room
            low, high = (low, half - 1) if wide else (half, high)
        return text[:low].rstrip() + "…"

    def frame(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: Colour | None,
        edge: Colour | None = None,
    ) -> None:
        """A rectangle, filled, framed or both."""
        self.figure.add_artist(
            Rectangle(
                (x, y),
                width,
                height,
                transform=PIXELS,
                linewidth=max(1, self.sheet.px(2)),
                facecolor=_unit(fill) if fill else "none",
                edgecolor=_unit(edge) if edge else "none",
            )
        )

    def area(
        self, x: float, y: float, width: float, height: float, fill: Colour, mark: Mark = ""
    ) -> None:
        """A filled rectangle, with the stripes of a mark."""
        between, inside = FADES[mark]
        self.frame(x, y, width, height, faded(fill, between))
        if not mark or width <= 0 or height <= 0:
            return
        step = max(2, self.sheet.px(STRIPE))
        starts = np.arange(x - height, x + width, 2 * step)
        corners = np.array([(0, 0), (step, 0), (step + height, height), (height, height), (0, 0)])
        places = np.concatenate([corners + np.array([start, y]) for start in starts])
        codes = [Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY] * len(starts)
        stripes = PathPatch(
            Path(places, codes),
            transform=PIXELS,
            facecolor=_unit(faded(fill, inside)),
            linewidth=0,
        )
        self.figure.add_artist(stripes)
        stripes.set_clip_path(Rectangle((x, y), width, height, transform=PIXELS))

    def line(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        colour: Colour,
        *,
        behind: bool = False,
    ) -> None:
        """A thin line, above the areas or behind them."""
        self.figure.add_artist(
            Line2D(
                (start[0], end[0]),
                (start[1], end[1]),
                transform=PIXELS,
                color=_unit(colour),
                linewidth=max(1.0, 2.5 * self.sheet.scale),
                zorder=0.5 if behind else 2,
            )
        )

    def ribbon(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        thickness: float,
        colour: Colour,
        opacity: float,
    ) -> None:
        """A band between two upright edges of equal height, given by their upper corners."""
        (x0, y0), (x1, y1) = start, end
        middle, low = (x0 + x1) / 2, thickness
        corners = [
            (x0, y0),
            (middle, y0),
            (middle, y1),
            (x1, y1),
            (x1, y1 - low),
            (middle, y1 - low),
            (middle, y0 - low),
            (x0, y0 - low),
            (x0, y0),
        ]
        curve = [Path.CURVE4] * 3
        path = Path(corners, [Path.MOVETO, *curve, Path.LINETO, *curve, Path.CLOSEPOLY])
        self.figure.add_artist(
            PathPatch(
                path,
                transform=PIXELS,
                facecolor=_unit(colour),
                alpha=opacity,
                linewidth=0,
                zorder=0.8,
            )
        )

    def polygon(
        self, corners: Sequence[tuple[float, float]], colour: Colour, opacity: float
    ) -> None:
        """A polygon behind the lines."""
        path = Path([*corners, corners[0]], closed=True)
        self.figure.add_artist(
            PathPatch(
                path,
                transform=PIXELS,
                facecolor=_unit(colour),
                alpha=opacity,
                linewidth=0,
                zorder=0.8,
            )
        )

    def image(self, image: UInt8s, x: int, y: int) -> None:
        """An image with its lower left corner there, pixel for pixel, behind all else."""
        self.figure.add_artist(_Pixels(image, x, y))

    def png(self) -> bytes:
        """The picture as PNG bytes without any metadata that changes between days or versions."""
        buffer = io.BytesIO()
        image = Pillow.fromarray(self._pixels())
        image.save(buffer, "PNG", compress_level=4, dpi=(PRINT_DPI, PRINT_DPI))
        return buffer.getvalue()

    def tiff(self, dpi: int, description: str) -> bytes:
        """The picture as TIFF bytes for print, compressed without loss; description: UTF-8."""
        tags = ImageFileDirectory_v2()
        tags[_DESCRIPTION] = visible(description).encode("utf-8", "replace")
        buffer = io.BytesIO()
        image = Pillow.fromarray(self._pixels())
        image.save(buffer, "TIFF", compression="tiff_lzw", dpi=(dpi, dpi), tiffinfo=tags)
        return buffer.getvalue()

    def svg(self, millimetres: float, title: str, description: str) -> bytes:
        """The picture as SVG bytes, so wide in print: text as outlines, so that no font is missing.

        title and description are what a screen reader says of it.
        """
        buffer = io.StringIO()
        with rc_context({"svg.hashsalt": "rapids-rap", "svg.fonttype": "path"}):
            canvas = FigureCanvasSVG(self.figure)
            canvas.print_svg(buffer, metadata={"Date": None, "Creator": "rapids-rap"})
        self.canvas = FigureCanvasAgg(self.figure)
        title, description = visible(title), visible(description)
        high = millimetres * self.sheet.height / self.sheet.width
        size = f'width="{millimetres:g}mm" height="{high:g}mm"'
        said = f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
        text = _SIZE.sub(lambda _: size, buffer.getvalue(), count=1)
        named = f'<svg role="img" aria-label={quoteattr(description)}'
        head, _, rest = text.partition("<svg")
        start, end, body = rest.partition(">")
        return f"{head}{named}{start}{end}\n {said}{body}".encode("utf-8", "replace")

    def _pixels(self) -> UInt8s:
        """(height, width, 3) of the picture, top row first."""
        self.canvas.draw()
        return np.ascontiguousarray(np.asarray(self.canvas.buffer_rgba())[:, :, :3])

    def _text(self, text: str, x: float, y: float, size: float, colour: Colour) -> Text:
        return Text(
            x,
            y,
            self.face.drawable(text),
            color=_unit(colour),
            parse_math=False,
            usetex=False,
            fontproperties=self.face.sized(max(5.0, size * self.sheet.scale)),
            transform=PIXELS,
        )


class _Pixels(Artist):
    """An image handed to the canvas as it is: figimage would resample it to its own size."""

    zorder = 0

    def __init__(self, image: UInt8s, x: int, y: int) -> None:
        super().__init__()
        self.pixels, self.corner = image, (x, y)

    def draw(self, renderer: Any) -> None:
        """See matplotlib; the canvas wants the lowest row first."""
        opaque = np.full((*self.pixels.shape[:2], 4), 255, dtype=np.uint8)
        opaque[:, :, :3] = self.pixels[::-1]
        renderer.draw_image(renderer.new_gc(), *self.corner, opaque)


def _unit(colour: Colour) -> tuple[float, float, float]:
    return colour[0] / 255, colour[1] / 255, colour[2] / 255
