"""Ways to damage a file, each drawn from a seeded generator."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

Rng = np.random.Generator

ODD_NUMBERS = (b"-1", b"0", b"1e9", b"99999999999", b"4294967296", b"1e-300", b"nan", b"inf", b"%n", b"1.5", b"")
ODD_WORDS = (
    b"",
    b"null",
    b"../..",
    b"/etc/passwd",
    b"<script>",
    b"=1+1",
    b"*",
    b"&a [*a]",
    b"\x00",
    "\u6c34".encode() * 90,
)


def flip_bit(data: bytes, rng: Rng) -> bytes:
    """One bit of any byte."""
    out = bytearray(data)
    out[rng.integers(len(out))] ^= 1 << int(rng.integers(8))
    return bytes(out)


def set_bytes(data: bytes, rng: Rng) -> bytes:
    """Up to eight neighbouring bytes become random ones."""
    start, n = int(rng.integers(len(data))), int(rng.integers(1, 9))
    return data[:start] + rng.bytes(n) + data[start + n :]


def set_head(data: bytes, rng: Rng) -> bytes:
    """As `set_bytes`, in the first 400 bytes, where headers lie."""
    head = min(400, len(data))
    return set_bytes(data[:head], rng)[:head] + data[head:]


def cut(data: bytes, rng: Rng) -> bytes:
    """The file ends too early."""
    return data[: int(rng.integers(len(data)))]


def lengthen(data: bytes, rng: Rng) -> bytes:
    """Random bytes follow the file."""
    return data + rng.bytes(int(rng.integers(1, 3000)))


def empty_run(data: bytes, rng: Rng) -> bytes:
    """A run of bytes becomes zeros, as of a sector that was not written."""
    start, n = int(rng.integers(len(data))), int(rng.integers(1, 600))
    return data[:start] + bytes(min(n, len(data) - start)) + data[start + n :]


def repeat_run(data: bytes, rng: Rng) -> bytes:
    """A run of bytes comes twice."""
    start, n = int(rng.integers(len(data))), int(rng.integers(1, 400))
    return data[: start + n] + data[start:]


def leave_run(data: bytes, rng: Rng) -> bytes:
    """A run of bytes is missing."""
    start, n = int(rng.integers(len(data))), int(rng.integers(1, 400))
    return data[:start] + data[start + n :]


def odd_number(data: bytes, rng: Rng) -> bytes:
    """A number that is written in digits becomes an odd one; elsewhere as `set_head`."""
    return _replaced(data, rng, rb"-?\d+(\.\d+)?", ODD_NUMBERS)


def odd_word(data: bytes, rng: Rng) -> bytes:
    """A word becomes an odd one; elsewhere as `set_head`."""
    return _replaced(data, rng, rb"[A-Za-z_]{2,}", ODD_WORDS)


def _replaced(data: bytes, rng: Rng, pattern: bytes, odd: tuple[bytes, ...]) -> bytes:
    found = list(re.finditer(pattern, data[:2000]))
    if not found:
        return set_head(data, rng)
    at = found[int(rng.integers(len(found)))]
    return data[: at.start()] + odd[int(rng.integers(len(odd)))] + data[at.end() :]


BINARY: tuple[Callable[[bytes, Rng], bytes], ...] = (
    flip_bit,
    flip_bit,
    set_bytes,
    set_head,
    cut,
    lengthen,
    empty_run,
    repeat_run,
    leave_run,
)
TEXT = (*BINARY, odd_number, odd_number, odd_word, odd_word)
