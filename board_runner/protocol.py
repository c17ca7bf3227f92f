"""The lines that the vendor's `prog_sed_eat` prints, in its order and number formats; one function a line.

The vendor's program tells a class. What a model without classes says has lines of our own, after the times and
in place of `class id:` (docs/formats.md): many short ones, and one at the end with a count and a checksum, which
is the result line.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

THRESHOLD = 0.5
"""Printed, never used: the largest score decides."""

ELEMENT_FORMATS = {"uint8": 0, "int16": 2, "int32": 3, "int8": 4, "float32": 5}
"""`MI_IPU_ELEMENT_FORMAT` of the IPU library, as far as numpy has the type."""

UNKNOWN_FORMAT = 6
SYSTEM_FAULT = 255
"""Exit status of anything that is not a wrong command line."""

FILE_OPERATION = 8
CREATE_CHANNEL = 15
INVALID_MODEL_BUFFER = 44
"""`IPU_ErrCode_e`, the numbers inside failure lines."""

PER_LINE = 16
"""Values or tokens in a line: one of float32 is 128 digits long, which fits any terminal's buffer."""


def opening(inputs: str, model: str) -> Iterator[str]:
    """What was asked for."""
    yield f"inputs: {inputs}"
    yield f"model path: {model}"
    yield f"threshold: {THRESHOLD:f}"


def element_format(dtype: str) -> str:
    """The complaint about a type that is no picture's; the program goes on after it."""
    return f"unknown element format {ELEMENT_FORMATS.get(dtype, UNKNOWN_FORMAT)}"


def found(count: int) -> str:
    """How many files `-i` names; audio are `images` too."""
    return f"found {count} images!"


def input_image(path: str) -> str:
    """The file that is looked at next."""
    return f"the input image: {path}"


def times(invoke_ms: float, post_process_ms: float) -> Iterator[str]:
    """How long the model ran, and what came after it."""
    yield f"model invoke time: {invoke_ms:f} ms"
    yield f"post process time: {post_process_ms:f} ms"


def classified(class_id: int) -> Iterator[str]:
    """The answer of a model of classes: the vendor's line."""
    yield f"class id: {class_id}"


def embedding(data: bytes) -> Iterator[str]:
    """The values as they came out of the network: float32, the lowest byte of each first."""
    step = 4 * PER_LINE
    for start in range(0, len(data), step):
        yield f"embedding {start // 4}: {data[start : start + step].hex()}"
    yield f"embedding: {len(data) // 4} values, crc32 {zlib.crc32(data):08x}"


def transcript(tokens: Sequence[int], score: float, *, chunks: int, first_chunk_ms: float) -> Iterator[str]:
    """Token numbers, the natural logarithm of their likelihood, and how long the model ran on the first chunk."""
    yield f"first chunk time: {first_chunk_ms:f} ms"
    for start in range(0, len(tokens), PER_LINE):
        yield f"tokens {start}: {' '.join(map(str, tokens[start : start + PER_LINE]))}"
    crc32 = transcript_crc32(tokens, chunks, repr(score))
    yield f"transcript: {len(tokens)} tokens, {chunks} chunks, score {score!r}, crc32 {crc32:08x}"


def transcript_crc32(tokens: Sequence[int], chunks: int, score: str) -> int:
    """The checksum of all that a transcript says: its numbers as they are written, a blank between any two."""
    return zlib.crc32(" ".join([*map(str, tokens), str(chunks), score]).encode())


def model_failure(code: int) -> str:
    """The model file cannot be had or cannot be used."""
    return f"get model variable buffer size failed ({code})!"


def channel_failure(code: int) -> str:
    """The model was read, and its channel cannot be set up."""
    return f"create ipu channel failed({code})!"


def invoke_failure(code: int) -> str:
    """The model did not run through."""
    return f"MI_IPU_Invoke error, ret {code}"


def kernel_client(pid: int, *, connected: bool) -> str:
    """The driver's own line; it belongs to the kernel log, never to stdout."""
    return f"client [{pid}] {'' if connected else 'dis'}connected, module:ipu"
