"""The simulators' result files: text in, named tensors out, one parser a dialect behind `parse`.

Dialects (docs/references.md has a sample of each): the output tensors of `-c Unknown` as simulator.py and as the
C programs write them, multi-batch files, the five best classes of `-c Classification`, and the boxes of
`-c Detection`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from board_runner.contract import Array
from toolchain_wrappers.errors import ToolchainError

_OPENING = re.compile(r"(?P<name>[^\n]*?) Tensor:[ \t]*\n\{[ \t]*\n")
_ONE = re.compile(
    r"tensor dim:(?P<dim>\d+),\s*Original shape:\[(?P<shape>[\d ]*)\]"
    r"(?:,\s*Alignment shape:\[(?P<aligned>[\d ]*)\])?[ \t]*\n"
    r"(?:The following tensor data shape is alignment shape\.[ \t]*\n)?"
    r"tensor data:[ \t]*\n"
)
_BATCHED = re.compile(
    r"tensor dim:(?P<dim>\d+),\s*shape:\[(?P<shape>[\d ]*)\],\s*"
    r"batch_size:(?P<batch>\d+),\s*batch_mode:(?P<mode>n_buf|one_buf)[ \t]*\n"
)
_BLOCK = re.compile(r"(?:batch index (?P<index>\d+) )?tensor data:[ \t]*\n")
_CLASS = re.compile(r"(?P<index>\d+)[ \t]+(?P<probability>\S+)[ \t]*")
_MOST_VALUES = 1 << 28
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, kw_only=True)
class DumpedTensor:
    """One output. `values` are float32 of the original shape, padding taken off.

    A file of classes gives `index` (int64) and `probability`; a file of boxes gives `image_id` and `category_id`
    (int64), `bbox` (n, 4) as x, y, width, height, and `score`. `aligned` is the shape in the file, where the file
    states one.
    """

    name: str
    values: Array
    aligned: tuple[int, ...] | None = None


def parse(text: str, *, file: str = "") -> list[DumpedTensor]:
    """Every tensor of one file, in its order.

    Raises ToolchainError, with `file` and the line, for a text that is no dump, is cut short, or holds another
    number of values than its shape.
    """
    text = text.replace("\r\n", "\n")
    start = len(text) - len(text.lstrip())
    reader = _Reader(text=text, file=file)
    if text.startswith('{"image_id"', start) or text.startswith("[{", start):
        return parse_detection(reader)
    second = text.split("\n", 2)[1:2] if start == 0 else []
    if second and _CLASS.match(second[0]) is not None:
        return parse_classification(reader)
    found = list(parse_tensors(reader))
    if not found:
        raise reader.fault(start, "no tensor in it: not a simulator's output, or cut short")
    return found


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """A text and where it came from, for messages."""

    text: str
    file: str

    def fault(self, at: int, what: str) -> ToolchainError:
        """The error for position `at`."""
        line = self.text.count("\n", 0, at) + 1
        return ToolchainError(f"{self.file + ', ' if self.file else ''}line {line}: {what}")


def parse_tensors(reader: _Reader) -> Iterator[DumpedTensor]:
    """`NAME Tensor:`, an opening brace, a head, values, a closing brace; as often as there are outputs."""
    text, at = reader.text, 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        opening = _OPENING.match(text, at)
        if opening is None:
            raise reader.fault(at, "neither a tensor's first line nor the end: cut short, or not a dump")
        name = opening["name"].strip()
        end = text.find("}", opening.end())
        if end < 0:
            raise reader.fault(len(text.rstrip()), f"tensor {name!r}: the file is cut short before its `}}`")
        head = _ONE.match(text, opening.end(), end)
        if head is not None:
            yield _one(reader, name, head, end)
        elif (batched := _BATCHED.match(text, opening.end(), end)) is not None:
            yield _batches(reader, name, batched, end)
        else:
            raise reader.fault(opening.end(), f"tensor {name!r}: no head with dimensions and shape")
        at = end + 1


def _one(reader: _Reader, name: str, head: re.Match[str], end: int) -> DumpedTensor:
    """simulator.py's form with or without an alignment shape, and the C form (TAB, blank before the bracket)."""
    shape = _shape(reader, name, head)
    aligned = _sizes(head["aligned"]) if head["aligned"] is not None else None
    stored = shape if aligned is None else aligned
    if len(stored) != len(shape) or any(have < want for have, want in zip(stored, shape, strict=True)):
        raise reader.fault(
            head.start(), f"tensor {name!r}: alignment shape {list(stored)} does not hold {list(shape)}"
        )
    whole = _values(reader, name, head.end(), end, _count(reader, head, name, stored)).reshape(stored)
    cut = whole[tuple(slice(size) for size in shape)]
    return DumpedTensor(name=name, values=np.ascontiguousarray(cut), aligned=aligned)


def _batches(reader: _Reader, name: str, head: re.Match[str], end: int) -> DumpedTensor:
    """multi_batch_simulator.py: a block a batch (`n_buf`) or all in one (`one_buf`), stacked on the first axis."""
    shape = _shape(reader, name, head)
    batch = int(head["batch"])
    if not shape or batch < 1:
        raise reader.fault(head.start(), f"tensor {name!r}: no batches to stack")
    count = _count(reader, head, name, (batch, *shape))
    whole = (batch * shape[0], *shape[1:])
    at = head.end()
    if head["mode"] == "one_buf":
        block = _BLOCK.match(reader.text, at, end)
        if block is None or block["index"] is not None:
            raise reader.fault(at, f"tensor {name!r}: no `tensor data:`")
        return DumpedTensor(name=name, values=_values(reader, name, block.end(), end, count).reshape(whole))
    parts = []
    for index in range(batch):
        block = _BLOCK.match(reader.text, at, end)
        if block is None or block["index"] != str(index):
            raise reader.fault(at, f"tensor {name!r}: no data of batch {index} of {batch}: cut short")
        following = reader.text.find("batch index", block.end(), end)
        at = end if following < 0 or index == batch - 1 else following
        parts.append(_values(reader, name, block.end(), at, count // batch))
    return DumpedTensor(name=name, values=np.concatenate(parts).reshape(whole))


def parse_classification(reader: _Reader) -> list[DumpedTensor]:
    """The input's name, then five lines `INDEX PROBABILITY`, best first. Fewer are a file cut short."""
    _, *lines = reader.text.strip().split("\n")
    best = []
    for number, line in enumerate(lines, start=2):
        match = _CLASS.fullmatch(line)
        try:
            best.append((_whole(match["index"]), _real(match["probability"])) if match else None)
        except ValueError:
            best.append(None)
        if best[-1] is None:
            raise _at_line(reader, number, f"{line!r} is no class index and probability")
    if len(best) != 5:
        raise _at_line(reader, len(lines) + 1, f"{len(best)} classes of 5: the file is cut short")
    if not reader.text.endswith("\n"):
        raise _at_line(reader, len(lines) + 1, "the last line does not end: the file is cut short")
    rows = [row for row in best if row is not None]
    return [
        DumpedTensor(name="index", values=np.array([index for index, _ in rows], np.int64)),
        DumpedTensor(name="probability", values=np.array([share for _, share in rows], np.float32)),
    ]


def parse_detection(reader: _Reader) -> list[DumpedTensor]:
    """A JSON object a line, a comma after it, and possibly brackets around the whole."""
    boxes = []
    for number, line in enumerate(reader.text.strip().split("\n"), start=1):
        item = line.strip().removeprefix("[").removesuffix("]").rstrip().removesuffix(",")
        if not item:
            continue
        try:
            row = json.loads(item)
            x, y, width, height = (_real(size) for size in row["bbox"])
            boxes.append(
                (
                    _whole(row["image_id"]),
                    _whole(row["category_id"]),
                    (x, y, width, height),
                    _real(row["score"]),
                )
            )
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as e:
            raise _at_line(reader, number, f"no complete detection ({e!r}): the file is cut short") from e
    images, categories, corners, scores = zip(*boxes, strict=True) if boxes else ((), (), (), ())
    return [
        DumpedTensor(name="image_id", values=np.array(images, np.int64)),
        DumpedTensor(name="category_id", values=np.array(categories, np.int64)),
        DumpedTensor(name="bbox", values=np.array(corners, np.float32).reshape(-1, 4)),
        DumpedTensor(name="score", values=np.array(scores, np.float32)),
    ]


def _whole(value: str | int) -> int:
    number = int(value)
    if abs(number) >= 1 << 63:
        raise ValueError(f"{value} is beyond 64 bits")
    return number


def _real(value: str | float) -> float:
    number = float(value)
    if math.isfinite(number) and abs(number) > _LARGEST:
        raise ValueError(f"{value} is beyond float32")
    return number


def _at_line(reader: _Reader, line: int, what: str) -> ToolchainError:
    return ToolchainError(f"{reader.file + ', ' if reader.file else ''}line {line}: {what}")


def _shape(reader: _Reader, name: str, head: re.Match[str]) -> tuple[int, ...]:
    shape = _sizes(head["shape"])
    if len(shape) != int(head["dim"]):
        raise reader.fault(
            head.start(), f"tensor {name!r}: {head['dim']} dimensions stated, shape {list(shape)}"
        )
    return shape


def _count(reader: _Reader, head: re.Match[str], name: str, shape: Sequence[int]) -> int:
    count = math.prod(shape)
    if count > _MOST_VALUES:
        raise reader.fault(head.start(), f"tensor {name!r}: a shape of {count} values, {list(shape)}")
    return count


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split())


def _values(reader: _Reader, name: str, start: int, end: int, count: int) -> Array:
    """The numbers in [start, end), any count of them a line; float32 (count,)."""
    body = reader.text[start:end]
    words = body.split()
    if len(words) != count:
        at = end if len(words) < count else start
        why = "cut short" if len(words) < count else "too many"
        raise reader.fault(at, f"tensor {name!r}: {len(words)} values of {count}: {why}")
    try:
        if "_" in body:  # Python reads 1_0 as ten
            raise ValueError("underscore")
        exact = np.fromiter(map(float, words), np.float64, count)
    except ValueError as e:
        raise reader.fault(
            _first_wrong(reader.text, start, words), f"tensor {name!r}: not a number: {e}"
        ) from e
    with np.errstate(over="ignore"):
        values = exact.astype(np.float32)
    if not np.array_equal(np.isinf(values), np.isinf(exact)):
        raise reader.fault(start, f"tensor {name!r}: a value beyond float32")
    return values


def _first_wrong(text: str, start: int, words: Sequence[str]) -> int:
    at = start
    for word in words:
        at = text.index(word, at)
        try:
            float(word.replace("_", "?"))
        except ValueError:
            break
        at += len(word)
    return at
