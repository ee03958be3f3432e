"""Amounts of bytes as people read them."""

from __future__ import annotations

_UNITS = ("kB", "MB", "GB", "TB", "PB")


def spelt_bytes(count: int) -> str:
    """A number of bytes in the decimal unit that fits it: "512 bytes", "83 kB", "2.3 GB"."""
    if count < 1000:
        return f"{count} byte{'' if count == 1 else 's'}"
    amount, unit = count / 1000, 0
    while amount >= 999.5 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}" if amount < 9.95 else f"{amount:.0f} {_UNITS[unit]}"
