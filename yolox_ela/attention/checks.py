"""The check that the options of an attention module divide its number of channels."""


def require_divisible(module: str, channels: int, divisor: int, what: str) -> None:
    """Raise ValueError naming both numbers unless `divisor` divides `channels`."""
    if divisor < 1 or channels % divisor:
        raise ValueError(
            f"{module}: {channels} channels cannot be divided into {divisor} {what}; "
            f"choose a divisor of {channels}"
        )
