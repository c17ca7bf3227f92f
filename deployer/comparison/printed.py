"""Numbers that somebody printed: PyTorch's `tensor(...)`, numpy's arrays, bare brackets, plain columns.

A print is rounded. Every value is known to half a unit of its last printed place only, and `rounding` keeps the
largest such half, so that a comparison can say below what its differences mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array
from board_runner.errors import InputError

_TOKEN = re.compile(r"[\[\]]|[^\s,\[\]]+")
_NAME = re.compile(r"""['"]?(?P<name>[\w./:-]+?)['"]?\s*[:=]\s*\Z""")
_DTYPE = re.compile(r"dtype=(?:torch\.)?(?P<name>\w+)")
_FLOAT32_HALF = 2.0**-24

SUMMARISED = (
    "torch.set_printoptions(threshold=10_000_000) before the print, or torch.save/np.save instead of it"
)


@dataclass(frozen=True, kw_only=True)
class Printed:
    """One tensor as printed: float32 (float64 and integers where the print says so).

    `rounding` is the largest half unit of a last printed place, 0 where that is below float32's own precision.
    """

    name: str | None
    values: Array
    rounding: float


def is_bracketed(text: str) -> bool:
    """Whether this is a print of tensors rather than columns of numbers."""
    return "tensor(" in text or "[" in text


def bracketed(text: str) -> list[Printed]:
    """Every tensor of a print, in order. Raises InputError, with the line, for what is summarised or cut short."""
    for word in ("tensor(", "array("):
        if word in text:
            return list(_called(text, word))
    found = []
    at = text.find("[")
    while at >= 0:
        end, values, rounding = _nested(text, at, np.float32)
        found.append(Printed(name=_name(text[:at]), values=values, rounding=rounding))
        at = text.find("[", end)
    return found


def columns(text: str) -> Printed:
    """Numbers apart by blanks, commas, semicolons or line breaks; `#` begins a comment. The result is flat."""
    words = []
    for number, line in enumerate(text.splitlines(), start=1):
        for word in re.split(r"[\s,;]+", line.partition("#")[0].strip()):
            if word and not _is_number(word):
                raise InputError(f"line {number}: {word!r} is not a number")
            if word:
                words.append(word)
    if not words:
        raise InputError("no number in it")
    values, rounding = _numbers(words, np.float32)
    return Printed(name=None, values=values, rounding=rounding)


def _called(text: str, word: str) -> Iterator[Printed]:
    at, behind = text.find(word), 0
    while at >= 0:
        start = at + len(word)
        end = _closing(text, start)
        inside = text[start:end]
        _refuse_kinds(text, at, inside)
        stated = _DTYPE.search(inside, inside.rfind("]") + 1)
        dtype = _dtype(text, at, stated["name"] if stated else None, inside)
        if inside.lstrip().startswith("["):
            _, values, rounding = _nested(text, text.index("[", start), dtype)
        else:
            flat, rounding = _numbers([_scalar(text, at, inside)], dtype)
            values = flat.reshape(())
        yield Printed(name=_name(text[behind:at]), values=values, rounding=rounding)
        behind = end + 1
        at = text.find(word, behind)


def _closing(text: str, start: int) -> int:
    depth = 1
    for match in re.compile(r"[()]").finditer(text, start):
        depth += 1 if match[0] == "(" else -1
        if depth == 0:
            return match.start()
    raise _fault(text, len(text.rstrip()), "no closing parenthesis: the print is cut short")


def _refuse_kinds(text: str, at: int, inside: str) -> None:
    if inside.lstrip().startswith("indices=") or "layout=torch.sparse" in inside:
        raise _fault(text, at, "a sparse tensor", hint="print x.to_dense()")
    if "quantization_scheme=" in inside:
        raise _fault(text, at, "a quantised tensor", hint="print x.dequantize()")


def _dtype(text: str, at: int, name: str | None, inside: str) -> type[np.generic]:
    """The printed dtype, float32 for the other floats; without one PyTorch's defaults: float32, or int64."""
    if name is None:
        first = _TOKEN.search(inside.replace("[", " "))
        whole = first is not None and re.fullmatch(r"[+-]?\d+", first[0]) is not None
        return np.int64 if whole and "." not in inside.rpartition("]")[0] else np.float32
    known: dict[str, type[np.generic]] = {
        **dict.fromkeys(("float32", "float16", "bfloat16", "half"), np.float32),
        **{kind: getattr(np, kind) for kind in ("float64", "int8", "uint8", "int16", "int32", "int64")},
    }
    if name not in known:
        raise _fault(text, at, f"a tensor of {name} cannot be compared", hint="print x.float()")
    return known[name]


def _nested(text: str, start: int, dtype: type[np.generic]) -> tuple[int, Array, float]:
    """The brackets that open at `start`: where they end, their values in shape, the rounding."""
    counts: list[int] = []
    sizes: dict[int, int] = {}
    words: list[str] = []
    leaf = None
    for match in _TOKEN.finditer(text, start):
        token = match[0]
        if token == "[":
            counts.append(0)
        elif token == "]":
            size, depth = counts.pop(), len(counts)
            if sizes.setdefault(depth, size) != size:
                raise _fault(text, match.start(), f"rows of {sizes[depth]} and of {size}: not a whole tensor")
            if not counts:
                shape = tuple(sizes[level] for level in range(len(sizes)))
                values, rounding = _numbers(words, dtype)
                return match.end(), _shaped(text, start, values, shape), rounding
            counts[-1] += 1
        else:
            leaf = leaf or len(counts)
            if "..." in token or "…" in token:
                raise _fault(text, match.start(), "the print is summarised with `...`", hint=SUMMARISED)
            if not _is_number(token) or leaf != len(counts):
                raise _fault(text, match.start(), f"{token!r} is not a number of this tensor")
            words.append(token)
            counts[-1] += 1
    raise _fault(text, len(text.rstrip()), "a bracket does not close: the print is cut short")


def _shaped(text: str, start: int, values: Array, shape: tuple[int, ...]) -> Array:
    try:
        return values.reshape(shape)
    except ValueError as e:
        raise _fault(text, start, f"{values.size} values do not fill {list(shape)}") from e


def _scalar(text: str, at: int, inside: str) -> str:
    word = inside.partition(",")[0].strip()
    if not _is_number(word):
        raise _fault(text, at, f"{word[:40]!r} is not a number")
    return word


def _numbers(words: Sequence[str], dtype: type[np.generic]) -> tuple[Array, float]:
    if np.issubdtype(dtype, np.integer):
        try:
            return np.array([int(word) for word in words], dtype), 0.0
        except (ValueError, OverflowError) as e:
            raise InputError(f"whole numbers of {np.dtype(dtype)} expected: {e}") from e
    exact = np.array([float(word) for word in words], np.float64)
    halves = np.array([_half_unit(word) for word in words], np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        coarse = halves[halves > np.abs(exact) * _FLOAT32_HALF]
        values = exact.astype(dtype)
    if not np.array_equal(np.isinf(values), np.isinf(exact)):
        raise InputError("a value beyond float32")
    return values, float(coarse.max(initial=0.0))


def _half_unit(word: str) -> float:
    """Half a unit of the last printed place; 0 for a whole number, which is printed as it is."""
    mantissa, _, exponent = word.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    if not mantissa[-1:].isdigit() and mantissa[-1:] != ".":
        return 0.0  # nan, inf
    if decimals == 0 and not exponent:
        return 0.0
    return float(f"0.5e{int(exponent or 0) - decimals}")


def _is_number(word: str) -> bool:
    if "_" in word:  # Python would read 1_0 as ten
        return False
    try:
        float(word)
    except ValueError:
        return False
    return True


def _name(before: str) -> str | None:
    match = _NAME.search(before.replace("Parameter containing:", "").rstrip()[-200:])
    return match["name"] if match else None


def _fault(text: str, at: int, what: str, *, hint: str = "") -> InputError:
    return InputError(f"line {text.count(chr(10), 0, at) + 1}: {what}", hint=hint)
