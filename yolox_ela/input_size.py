"""The size of the network's input, as a setting and as height and width.

The setting is `640` for a square and `480,640` for a rectangle: the height first, as in YOLOX's
`input_size`. A square has a single form, so that `640` and `640,640` are the same setting. In JSON
and in checkpoints a rectangle is the list `[480, 640]`.
"""

from typing import Any, NamedTuple

UNIT = 32  # pixels, the largest stride of the network
LARGEST = 8192  # pixels
FORM = f"a multiple of {UNIT} between {UNIT} and {LARGEST:,}, or two of them, HEIGHT,WIDTH"

ImageSize = int | tuple[int, int]  # the side of a square, or height and width


class InputSize(NamedTuple):
    """Height and width of the network's input in pixels; as text `640` or `480,640`."""

    height: int
    width: int

    @classmethod
    def of(cls, size: ImageSize) -> "InputSize":
        """Height and width of a setting."""
        return cls(*size) if isinstance(size, (tuple, list)) else cls(size, size)

    @property
    def setting(self) -> ImageSize:
        """The setting in its one form: the side of a square, or height and width."""
        return self.height if self.height == self.width else self

    @property
    def plain(self) -> int | list[int]:
        """The setting as a JSON value."""
        return self.height if self.height == self.width else list(self)

    def changes(self, share: float) -> tuple[int, int]:
        """The least and the most units that `changed` takes so that the height changes by at most a
        share of it, and is at least one unit.
        """
        most = int(share * self.height) // UNIT
        return -min(most, self.height // UNIT - 1), most

    def changed(self, units: int) -> "InputSize":
        """This size with another height, and a width of nearly the same ratio to it.

        The width is rounded down as by YOLOX, but is never 0.

        Args:
            units: the change of the height in units of 32 pixels.
        """
        height = self.height + units * UNIT
        return InputSize(height, max(1, height * self.width // self.height // UNIT) * UNIT)

    def __str__(self) -> str:
        return str(self.height) if self.height == self.width else f"{self.height},{self.width}"


def is_image_size(value: Any) -> bool:
    """Whether a value can be the size of an input; see `FORM`."""
    sides = value if isinstance(value, tuple) and len(value) == 2 else (value,)
    return all(
        isinstance(side, int)
        and not isinstance(side, bool)
        and UNIT <= side <= LARGEST
        and side % UNIT == 0
        for side in sides
    )


def one_form(value: Any) -> Any:
    """The size of an input in its one form; any other value as it is."""
    size = tuple(value) if isinstance(value, list) else value
    return InputSize.of(size).setting if is_image_size(size) else value


def parse_image_size(text: str) -> ImageSize:
    """Read `640`, `480,640` or `(480, 640)`, in its one form.

    Raises:
        ValueError: it has another form. Whether the numbers can be sizes is not checked.
    """
    numbers = [int(word) for word in text.strip("()[] ").split(",") if word.strip()]
    if len(numbers) not in (1, 2):
        raise ValueError(text)
    size: ImageSize = (numbers[0], numbers[1]) if len(numbers) == 2 else numbers[0]
    form: ImageSize = one_form(size)
    return form
