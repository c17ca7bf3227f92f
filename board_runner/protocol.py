"""The lines that the vendor's `prog_sed_eat` prints, in its order and number formats; one function a line."""

from __future__ import annotations

from collections.abc import Iterator

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


def result(invoke_ms: float, post_process_ms: float, class_id: int) -> Iterator[str]:
    """The times and the answer."""
    yield f"model invoke time: {invoke_ms:f} ms"
    yield f"post process time: {post_process_ms:f} ms"
    yield f"class id: {class_id}"


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
