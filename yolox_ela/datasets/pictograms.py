"""Pictograms of the twenty VOC classes as shapes, for the generated sample data set.

Each pictogram is a list of shapes that are painted in this order into a unit square: x points to
the right, y down, colours are RRGGBB. `pictogram_pixels` renders them.
"""

import math
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class Shape:
    """A polygon in the unit square, or a line along its points.

    Attributes:
        colour: colour as RRGGBB.
        points: corners (x, y) in the unit square.
        width: width of the line in units of the square; 0 for a filled polygon.
        closed: whether the line returns to its first point.
    """

    colour: str
    points: tuple[Point, ...]
    width: float = 0.0
    closed: bool = True


def _area(colour: str, *points: Point) -> Shape:
    return Shape(colour, points)


def _box(colour: str, left: float, top: float, right: float, bottom: float) -> Shape:
    return Shape(colour, ((left, top), (right, top), (right, bottom), (left, bottom)))


def _line(colour: str, width: float, *points: Point) -> Shape:
    return Shape(colour, points, width, closed=False)


def _disc(colour: str, x: float, y: float, rx: float, ry: float | None = None) -> Shape:
    return Shape(colour, _ellipse(x, y, rx, rx if ry is None else ry))


def _ring(colour: str, width: float, x: float, y: float, radius: float) -> Shape:
    return Shape(colour, _ellipse(x, y, radius, radius), width)


def _ellipse(x: float, y: float, rx: float, ry: float) -> tuple[Point, ...]:
    angles = (2 * math.pi * i / 40 for i in range(40))
    return tuple((x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles)


PICTOGRAMS: dict[str, tuple[Shape, ...]] = {
    "aeroplane": (  # from above, nose to the right: white with blue wings
        _area("2f7fe0", (0.62, 0.50), (0.36, 0.02), (0.24, 0.02), (0.38, 0.50)),
        _area("2f7fe0", (0.62, 0.50), (0.36, 0.98), (0.24, 0.98), (0.38, 0.50)),
        _area("2f7fe0", (0.16, 0.50), (0.08, 0.28), (0.00, 0.28), (0.04, 0.50)),
        _area("2f7fe0", (0.16, 0.50), (0.08, 0.72), (0.00, 0.72), (0.04, 0.50)),
        _disc("f6f8fb", 0.50, 0.50, 0.50, 0.085),
        _disc("8ad0ff", 0.90, 0.50, 0.05, 0.045),
    ),
    "bicycle": (  # two thin wheels, lime frame
        _ring("e8e8e8", 0.035, 0.20, 0.66, 0.19),
        _ring("e8e8e8", 0.035, 0.80, 0.66, 0.19),
        _line("8fe01a", 0.05, (0.20, 0.66), (0.36, 0.34), (0.68, 0.34), (0.48, 0.66), (0.20, 0.66)),
        _line("8fe01a", 0.05, (0.34, 0.26), (0.48, 0.66)),
        _line("8fe01a", 0.05, (0.80, 0.66), (0.66, 0.22), (0.78, 0.18)),
        _line("5a3010", 0.06, (0.26, 0.25), (0.42, 0.25)),
    ),
    "bird": (  # yellow, one wing up, orange beak to the right
        _area("f0b400", (0.28, 0.58), (0.00, 0.44), (0.02, 0.60), (0.10, 0.72)),
        _line("e8641e", 0.035, (0.46, 0.72), (0.46, 0.90), (0.56, 0.90)),
        _line("e8641e", 0.035, (0.56, 0.72), (0.56, 0.88), (0.66, 0.88)),
        _disc("ffdf20", 0.48, 0.60, 0.30, 0.19),
        _disc("ffdf20", 0.76, 0.42, 0.14),
        _area("f0b400", (0.32, 0.58), (0.30, 0.12), (0.46, 0.22), (0.60, 0.56)),
        _area("e8641e", (0.88, 0.37), (1.00, 0.45), (0.87, 0.49)),
        _disc("101010", 0.80, 0.39, 0.028),
    ),
    "boat": (  # navy hull, a white and a red sail
        _box("7a4a21", 0.47, 0.02, 0.51, 0.74),
        _area("fdfdf5", (0.53, 0.06), (0.53, 0.66), (0.96, 0.66)),
        _area("e03030", (0.45, 0.14), (0.45, 0.66), (0.10, 0.66)),
        _area("223a8c", (0.02, 0.72), (0.98, 0.72), (0.80, 0.96), (0.18, 0.96)),
        _area("f2c230", (0.04, 0.75), (0.96, 0.75), (0.93, 0.80), (0.07, 0.80)),
    ),
    "bottle": (  # tall and narrow, dark green, cream label
        _box("c89b3c", 0.44, 0.00, 0.56, 0.08),
        _area(
            "1f8a3b",
            *((0.45, 0.08), (0.55, 0.08), (0.56, 0.28), (0.66, 0.40)),
            *((0.66, 1.00), (0.34, 1.00), (0.34, 0.40), (0.44, 0.28)),
        ),
        _box("f7ecc4", 0.34, 0.54, 0.66, 0.82),
        _disc("b03050", 0.50, 0.68, 0.08),
    ),
    "bus": (  # red double-decker
        _box("d81f26", 0.02, 0.10, 0.98, 0.80),
        *(_box("bfe6ff", x, 0.17, x + 0.15, 0.37) for x in (0.07, 0.26, 0.45, 0.64, 0.82)),
        *(_box("bfe6ff", x, 0.47, x + 0.15, 0.64) for x in (0.07, 0.26, 0.45)),
        _box("fff2a0", 0.68, 0.46, 0.92, 0.76),
        *(_disc("303038", x, 0.80, 0.095) for x in (0.22, 0.56)),
        *(_disc("c8c8d0", x, 0.80, 0.04) for x in (0.22, 0.56)),
    ),
    "car": (  # low blue saloon
        _area("2456d8", (0.22, 0.50), (0.34, 0.30), (0.64, 0.30), (0.80, 0.50)),
        _area("cfeeff", (0.29, 0.48), (0.37, 0.35), (0.48, 0.35), (0.48, 0.48)),
        _area("cfeeff", (0.52, 0.48), (0.52, 0.35), (0.62, 0.35), (0.72, 0.48)),
        _area(
            "2f6cf5",
            *((0.02, 0.52), (0.20, 0.48), (0.80, 0.48)),
            *((0.98, 0.56), (0.98, 0.70), (0.02, 0.70)),
        ),
        _box("ffe27a", 0.92, 0.56, 0.98, 0.61),
        *(_disc("303038", x, 0.70, 0.11) for x in (0.24, 0.76)),
        *(_disc("d8d8e0", x, 0.70, 0.05) for x in (0.24, 0.76)),
    ),
    "cat": (  # sitting, seen from the front: dark grey, pointed ears, green eyes
        _line("4a4a5c", 0.08, (0.70, 0.92), (0.90, 0.84), (0.92, 0.62), (0.84, 0.52)),
        _disc("5a5a70", 0.48, 0.76, 0.26, 0.24),
        _area("5a5a70", (0.22, 0.34), (0.20, 0.00), (0.44, 0.16)),
        _area("5a5a70", (0.76, 0.34), (0.76, 0.00), (0.52, 0.16)),
        _disc("6a6a82", 0.48, 0.34, 0.29, 0.24),
        _disc("7dff5a", 0.37, 0.31, 0.06, 0.07),
        _disc("7dff5a", 0.59, 0.31, 0.06, 0.07),
        _disc("101010", 0.37, 0.31, 0.02, 0.06),
        _disc("101010", 0.59, 0.31, 0.02, 0.06),
        _area("ff8fa8", (0.44, 0.42), (0.52, 0.42), (0.48, 0.47)),
        _disc("f2f2f2", 0.48, 0.72, 0.11, 0.14),
    ),
    "chair": (  # from the side: turquoise back and seat on thin legs
        _line("0f8f8a", 0.06, (0.30, 0.58), (0.24, 0.98)),
        _line("0f8f8a", 0.06, (0.74, 0.58), (0.78, 0.98)),
        _area("17c9c0", (0.18, 0.02), (0.30, 0.02), (0.36, 0.50), (0.24, 0.52)),
        _area("5ff0e6", (0.22, 0.48), (0.82, 0.48), (0.82, 0.60), (0.22, 0.60)),
    ),
    "cow": (  # white with black patches, pink muzzle to the right
        *(_box("f4f4f4", x, 0.62, x + 0.08, 0.94) for x in (0.12, 0.26, 0.56, 0.68)),
        *(_box("3a2a20", x, 0.88, x + 0.08, 0.94) for x in (0.12, 0.26, 0.56, 0.68)),
        _line("f4f4f4", 0.035, (0.08, 0.34), (0.02, 0.46), (0.03, 0.64)),
        _area("f4f4f4", (0.06, 0.30), (0.76, 0.28), (0.80, 0.60), (0.68, 0.70), (0.08, 0.68)),
        _area("181818", (0.14, 0.30), (0.36, 0.29), (0.34, 0.48), (0.20, 0.52)),
        _disc("181818", 0.52, 0.50, 0.10, 0.11),
        _disc("ffa0b4", 0.40, 0.71, 0.09, 0.05),
        _line("d8c090", 0.04, (0.74, 0.18), (0.70, 0.06)),
        _line("d8c090", 0.04, (0.86, 0.18), (0.90, 0.06)),
        _disc("181818", 0.80, 0.27, 0.11, 0.14),
        _disc("ffa0b4", 0.86, 0.40, 0.11, 0.08),
    ),
    "diningtable": (  # wide, wooden legs, white cloth with a scalloped hem, a bowl on top
        _box("9a5f2c", 0.10, 0.40, 0.18, 0.86),
        _box("9a5f2c", 0.82, 0.40, 0.90, 0.86),
        _area("e85a9a", (0.38, 0.14), (0.62, 0.14), (0.56, 0.28), (0.44, 0.28)),
        _box("fffaf0", 0.02, 0.28, 0.98, 0.40),
        *(
            _area("fffaf0" if i % 2 else "e04848", (x, 0.38), (x + 0.16, 0.38), (x + 0.08, 0.56))
            for i, x in enumerate((0.02, 0.18, 0.34, 0.50, 0.66, 0.82))
        ),
    ),
    "dog": (  # golden, floppy brown ear, red collar, tail up, nose to the right
        _line("e0a848", 0.07, (0.12, 0.52), (0.02, 0.30)),
        *(_box("e0a848", x, 0.60, x + 0.09, 0.96) for x in (0.10, 0.24, 0.48, 0.60)),
        _area("f0bc5a", (0.08, 0.46), (0.62, 0.46), (0.70, 0.68), (0.10, 0.72)),
        _area("f0bc5a", (0.54, 0.56), (0.60, 0.28), (0.78, 0.40), (0.70, 0.66)),
        _disc("f0bc5a", 0.72, 0.26, 0.16, 0.15),
        _area("f0bc5a", (0.80, 0.18), (0.99, 0.26), (0.98, 0.36), (0.78, 0.38)),
        _disc("6b3a14", 0.60, 0.30, 0.07, 0.15),
        _line("e01818", 0.055, (0.57, 0.48), (0.74, 0.54)),
        _disc("101010", 0.97, 0.27, 0.035),
        _disc("101010", 0.78, 0.21, 0.025),
    ),
    "horse": (  # chestnut with a black mane, long neck and legs, head to the right
        _line("181010", 0.07, (0.10, 0.44), (0.03, 0.56), (0.05, 0.74)),
        *(_line("7a2e10", 0.06, (x, 0.56), (x, 0.98)) for x in (0.15, 0.25, 0.58, 0.67)),
        _disc("9c3c14", 0.40, 0.50, 0.32, 0.14),
        _area("9c3c14", (0.52, 0.50), (0.68, 0.08), (0.82, 0.14), (0.72, 0.58)),
        _area("9c3c14", (0.70, 0.06), (0.82, 0.08), (0.99, 0.28), (0.93, 0.36), (0.76, 0.24)),
        _area("9c3c14", (0.70, 0.10), (0.71, 0.00), (0.79, 0.10)),
        _line("181010", 0.09, (0.68, 0.08), (0.60, 0.24), (0.52, 0.42)),
        _disc("101010", 0.82, 0.16, 0.022),
    ),
    "motorbike": (  # two fat wheels, orange tank and fairing
        *(_disc("2c2c34", x, 0.70, 0.19) for x in (0.20, 0.80)),
        *(_disc("b8b8c4", x, 0.70, 0.09) for x in (0.20, 0.80)),
        _line("b8b8c4", 0.06, (0.80, 0.70), (0.66, 0.30)),
        _line("2c2c34", 0.05, (0.66, 0.28), (0.56, 0.22)),
        _area("6c6c78", (0.34, 0.54), (0.62, 0.54), (0.58, 0.78), (0.36, 0.78)),
        _area("ff7a14", (0.40, 0.40), (0.62, 0.32), (0.74, 0.44), (0.62, 0.60), (0.38, 0.56)),
        _area("40201c", (0.06, 0.38), (0.42, 0.40), (0.40, 0.52), (0.16, 0.50)),
    ),
    "person": (  # standing, arms apart: green shirt, navy trousers
        _area("28307a", (0.38, 0.52), (0.62, 0.52), (0.66, 0.94), (0.54, 0.94), (0.50, 0.64)),
        _area("28307a", (0.38, 0.52), (0.62, 0.52), (0.50, 0.64), (0.46, 0.94), (0.34, 0.94)),
        _line("f2b98c", 0.08, (0.40, 0.30), (0.20, 0.52)),
        _line("f2b98c", 0.08, (0.60, 0.30), (0.80, 0.52)),
        _line("34d058", 0.10, (0.36, 0.29), (0.28, 0.40)),
        _line("34d058", 0.10, (0.64, 0.29), (0.72, 0.40)),
        _area("34d058", (0.34, 0.24), (0.66, 0.24), (0.62, 0.56), (0.38, 0.56)),
        _disc("f2b98c", 0.50, 0.13, 0.11, 0.13),
        _area("3a2414", (0.38, 0.13), (0.41, 0.00), (0.59, 0.00), (0.62, 0.13), (0.50, 0.07)),
        _box("16161c", 0.30, 0.93, 0.46, 0.99),
        _box("16161c", 0.54, 0.93, 0.70, 0.99),
    ),
    "pottedplant": (  # a fan of green leaves in a terracotta pot
        _area("2fa83a", (0.50, 0.66), (0.02, 0.44), (0.10, 0.28)),
        _area("2fa83a", (0.50, 0.66), (0.98, 0.44), (0.90, 0.28)),
        _area("45c850", (0.50, 0.66), (0.20, 0.14), (0.36, 0.04)),
        _area("45c850", (0.50, 0.66), (0.80, 0.14), (0.64, 0.04)),
        _area("6be070", (0.50, 0.68), (0.43, 0.08), (0.50, 0.00), (0.57, 0.08)),
        _area("c8602c", (0.30, 0.68), (0.70, 0.68), (0.63, 1.00), (0.37, 1.00)),
        _box("e07a40", 0.26, 0.62, 0.74, 0.71),
    ),
    "sheep": (  # a woolly cloud, black face and legs
        *(_box("202020", x, 0.66, x + 0.07, 0.94) for x in (0.18, 0.32, 0.54, 0.66)),
        *(
            _disc("f6f0e0", x, y, 0.16)
            for x, y in (
                *((0.18, 0.46), (0.20, 0.62), (0.34, 0.34), (0.54, 0.34)),
                *((0.38, 0.66), (0.58, 0.66), (0.72, 0.44), (0.72, 0.60)),
            )
        ),
        _disc("f6f0e0", 0.46, 0.50, 0.28, 0.20),
        _disc("202020", 0.86, 0.44, 0.11, 0.15),
        _line("202020", 0.06, (0.80, 0.34), (0.70, 0.36)),
        _disc("ffffff", 0.89, 0.40, 0.03),
    ),
    "sofa": (  # wide, magenta, two cushions between round arms
        _box("5a2a10", 0.12, 0.78, 0.20, 0.86),
        _box("5a2a10", 0.80, 0.78, 0.88, 0.86),
        _box("a8187c", 0.10, 0.22, 0.90, 0.60),
        _box("e64bb8", 0.16, 0.48, 0.495, 0.66),
        _box("e64bb8", 0.505, 0.48, 0.84, 0.66),
        _box("c42898", 0.06, 0.64, 0.94, 0.78),
        _area("c42898", (0.01, 0.44), (0.16, 0.44), (0.16, 0.78), (0.04, 0.78)),
        _area("c42898", (0.99, 0.44), (0.84, 0.44), (0.84, 0.78), (0.96, 0.78)),
    ),
    "train": (  # violet steam engine, gold bands, red wheels, chimney to the right
        _area("7a3cc8", (0.74, 0.30), (0.72, 0.04), (0.90, 0.04), (0.88, 0.30)),
        _box("f0c030", 0.70, 0.03, 0.92, 0.10),
        _box("7a3cc8", 0.06, 0.12, 0.36, 0.70),
        _box("f0c030", 0.01, 0.06, 0.41, 0.14),
        _box("d8f0ff", 0.13, 0.22, 0.29, 0.40),
        _box("9456e6", 0.36, 0.30, 0.94, 0.66),
        *(_box("f0c030", x, 0.30, x + 0.05, 0.66) for x in (0.50, 0.68)),
        _area("404048", (0.04, 0.66), (0.94, 0.66), (1.00, 0.84), (0.04, 0.78)),
        *(_disc("e02828", x, 0.82, 0.11) for x in (0.18, 0.44, 0.70)),
    ),
    "tvmonitor": (  # black frame, colour bars, a foot
        _area("404048", (0.42, 0.70), (0.58, 0.70), (0.62, 0.92), (0.38, 0.92)),
        _box("404048", 0.26, 0.88, 0.74, 0.95),
        _box("202026", 0.01, 0.10, 0.99, 0.78),
        *(
            _box(colour, 0.07 + 0.143 * i, 0.16, 0.07 + 0.143 * (i + 1), 0.71)
            for i, colour in enumerate(("ffffff", "ffff20", "20ffff", "20ff20", "ff30ff", "2040ff"))
        ),
    ),
}
"""Class name -> shapes in painting order."""
