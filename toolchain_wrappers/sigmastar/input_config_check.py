"""Whether an `input_config.ini` is legal by itself and fits the ONNX it is for."""

from __future__ import annotations

from collections.abc import Sequence

from board_runner.contract import TensorSpec
from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar import findings
from toolchain_wrappers.sigmastar.findings import Finding
from toolchain_wrappers.sigmastar.input_config import (
    CONV,
    INPUT,
    KEYS,
    LEGAL,
    OUTPUT,
    InputConfig,
    illegal,
)
from toolchain_wrappers.sigmastar.model_facts import ModelFacts

MAX_INPUTS_LENGTH = 1024
"""Characters of `inputs`, by the vendor's manual."""

REQUIRED = (
    (INPUT, "inputs"),
    (INPUT, "training_input_formats"),
    (INPUT, "input_formats"),
    (OUTPUT, "outputs"),
)

PER_INPUT = (
    "training_input_formats",
    "input_formats",
    "quantizations",
    "input_width_alignment",
    "input_height_alignment",
    "input_layouts",
)
PER_OUTPUT = ("dequantizations", "output_layouts")

_LISTS = (
    *(
        (INPUT, key)
        for key in ("inputs", *PER_INPUT, "mean", "mean_red", "mean_green", "mean_blue", "std_value")
    ),
    *((OUTPUT, key) for key in ("outputs", *PER_OUTPUT)),
    (CONV, "tensor_arrays"),
)
_MEANS = ("mean", "mean_red", "mean_green", "mean_blue", "std_value")
_FAMILY = {"RGB": "RGB", "RGBA": "RGB", "BGR": "BGR", "BGRA": "BGR"}
_RAW_OF = {"f": "RAWDATA_F32_NHWC", "i": "RAWDATA_S16_NHWC", "c": "RAWDATA_COMPLEX64"}  # by kind of dtype


def check(config: InputConfig, model: ModelFacts) -> list[Finding]:
    """Everything wrong with the file, in no order of weight; `findings.refuse` makes an error of it."""
    found = findings.shape_faults(config.source, KEYS)
    if any(not finding.is_warning for finding in found):
        return found  # which of two lines holds is a guess: nothing else can be said
    found += _unread_lines(config)
    found += [
        Finding(file=config.source.place, section=section, key=key, fault="is missing")
        for section, key in REQUIRED
        if not config.get(section, key)
    ]
    for section, key in _LISTS:
        found += _list_faults(config, section, key)
    for (section, key), legal in LEGAL.items():
        for item in config.items(section, key):
            if item and item not in legal:
                fault, hint = illegal(item, legal)
                found.append(_at(config, section, key, fault, hint=hint))
    found += _names(config, INPUT, "inputs", model.inputs)
    found += _names(config, OUTPUT, "outputs", model.outputs)
    found += _counts(config)
    found += _alignment_faults(config)
    found += _format_faults(config, model.inputs)
    found += _mean_faults(config)
    found += _layout_faults(config, model)
    found += _conv_faults(config, model)
    return found


def _at(
    config: InputConfig, section: str, key: str, fault: str, *, hint: str = "", is_warning: bool = False
) -> Finding:
    setting = config.source.find(key, section)
    if setting is None:
        return Finding(
            file=config.source.place, section=section, key=key, fault=fault, hint=hint, is_warning=is_warning
        )
    return findings.at(config.source, setting, fault, hint=hint, is_warning=is_warning)


def _unread_lines(config: InputConfig) -> list[Finding]:
    """Python's configparser joins a line that begins with blanks to the setting above it."""
    found, above = [], 0
    for number, line in enumerate(config.source.lines, start=1):
        if line.kind == "section":
            above = 0
        elif line.kind == "setting":
            if above and line.is_indented:
                fault = f"begins with blanks: the tools read it as the rest of line {above}"
                hint = "take the blanks away"
                found.append(
                    Finding(file=config.source.place, line=number, key=line.name, fault=fault, hint=hint)
                )
            else:
                above = number
    return found


def _list_faults(config: InputConfig, section: str, key: str) -> list[Finding]:
    value = config.get(section, key)
    if not value:
        return []
    found = []
    if any(character.isspace() for character in value):
        fault = f"has blanks inside the list {value!r}"
        found.append(_at(config, section, key, fault, hint="part the entries by a comma alone"))
    if not all(config.items(section, key)):
        found.append(_at(config, section, key, f"has an empty entry in {value!r}"))
    if key == "inputs" and len(value) > MAX_INPUTS_LENGTH:
        fault = f"has {len(value)} characters, the tools read {MAX_INPUTS_LENGTH}"
        found.append(_at(config, section, key, fault, hint="give the tensors shorter names"))
    return found


def _names(config: InputConfig, section: str, key: str, tensors: Sequence[TensorSpec]) -> list[Finding]:
    listed, known = config.items(section, key), tuple(tensor.name for tensor in tensors)
    if not listed or listed == known:
        return []
    strangers = [name for name in listed if name not in known]
    if strangers:
        return [
            _at(
                config,
                section,
                key,
                f"{name!r} is not one of the ONNX's {key}: {', '.join(known)}",
                hint=findings.nearest(name, known),
            )
            for name in strangers
        ]
    order = "has not all of" if len(listed) < len(known) else "has another order than"
    hint = f"set {key}={','.join(known)}"
    return [
        _at(config, section, key, f"{','.join(listed)!r} {order} the ONNX's {','.join(known)!r}", hint=hint)
    ]


def _counts(config: InputConfig) -> list[Finding]:
    found = []
    for section, names, keys in ((INPUT, "inputs", PER_INPUT), (OUTPUT, "outputs", PER_OUTPUT)):
        wanted = len(config.items(section, names))
        for key in keys:
            many = len(config.items(section, key))
            if many not in (0, wanted):
                fault = f"{many} entries for {wanted} {names}"
                found.append(_at(config, section, key, fault, hint=f"one entry for each of {names}"))
    return found


def _alignment_faults(config: InputConfig) -> list[Finding]:
    return [
        _at(config, INPUT, key, f"{item!r} is not a whole number from 1")
        for key in ("input_width_alignment", "input_height_alignment")
        for item in config.items(INPUT, key)
        if item and not (item.isascii() and item.isdigit() and int(item) > 0)
    ]


def _format_faults(config: InputConfig, inputs: Sequence[TensorSpec]) -> list[Finding]:
    training, given = config.items(INPUT, "training_input_formats"), config.items(INPUT, "input_formats")
    found = []
    for trained, form in zip(training, given, strict=False):
        if "RAWDATA" in trained + form and trained != form:
            fault = f"{form!r} differs from the training format {trained!r}, which raw data must not"
            found.append(_at(config, INPUT, "input_formats", fault, hint="set both to the same format"))
        elif {_FAMILY.get(trained), _FAMILY.get(form)} == {"RGB", "BGR"}:
            fault = f"{form!r} does not go with the training format {trained!r}: red and blue change places"
            found.append(_at(config, INPUT, "input_formats", fault, hint="keep to RGB or to BGR"))
    listed = {tensor.name: tensor for tensor in inputs}
    for name, form in zip(config.items(INPUT, "inputs"), given, strict=False):
        if name in listed and form in LEGAL[INPUT, "input_formats"]:
            found += _dtype_faults(config, listed[name], form)
    return found


def _dtype_faults(config: InputConfig, tensor: TensorSpec, form: str) -> list[Finding]:
    key, shape = "input_formats", list(tensor.shape)
    if not form.startswith("RAWDATA"):
        if len(tensor.shape) == 4:
            return []
        fault = f"{form!r} is for images, the ONNX's {tensor.name!r} is {tensor.dtype}{shape}"
        return [_at(config, INPUT, key, fault, hint="raw data has no image format: RAWDATA_F32_NHWC")]
    kind = "i" if tensor.dtype.startswith(("int", "uint")) else tensor.dtype[:1]
    wanted = _RAW_OF.get(kind)
    if wanted is None or form == wanted:
        return []
    if (kind, form) == ("f", "RAWDATA_S16_NHWC"):
        # Legal: the program on the board then writes clip(x / scale) as int16 itself.
        fault = f"{form!r} for {tensor.name!r}, which is {tensor.dtype} in the ONNX: the program quantises it"
        return [_at(config, INPUT, key, fault, hint=f"{wanted} lets the model do it", is_warning=True)]
    fault = f"{form!r} does not go with {tensor.name!r}, which is {tensor.dtype} in the ONNX"
    return [_at(config, INPUT, key, fault, hint=f"set {wanted}")]


def _mean_faults(config: InputConfig) -> list[Finding]:
    formats = config.items(INPUT, "input_formats")
    found = []
    for key in _MEANS:
        if config.get(INPUT, key) is None:
            continue
        if formats and all(form.startswith("RAWDATA") for form in formats):
            hint = f"delete {key}: the front end has done its work before"
            found.append(_at(config, INPUT, key, "is for images, not for raw data", hint=hint))
        try:
            numbers = config.numbers(key)
        except ToolchainError:
            fault = f"{config.get(INPUT, key)!r} is not numbers parted by ':'"
            found.append(_at(config, INPUT, key, fault))
            continue
        if key == "std_value" and any(value == 0 for entry in numbers for value in entry):
            found.append(_at(config, INPUT, key, "has a 0, by which nothing can be divided"))
    return found


def _layout_faults(config: InputConfig, model: ModelFacts) -> list[Finding]:
    found = []
    for section, key, tensors in (
        (INPUT, "input_layouts", model.inputs),
        (OUTPUT, "output_layouts", model.outputs),
    ):
        for tensor, layout in zip(tensors, config.items(section, key), strict=False):
            if len(tensor.shape) != 4 and layout == "NCHW":
                fault = f"'NCHW' has no effect on {tensor.name!r}, which has {len(tensor.shape)} dimensions, not 4"
                found.append(_at(config, section, key, fault, is_warning=True))
    if config.get(INPUT, "input_layouts") is not None:
        for form in dict.fromkeys(config.items(INPUT, "input_formats")):
            if form in ("RGBA", "BGRA"):
                fault = f"cannot stand with the input format {form!r}"
                found.append(_at(config, INPUT, "input_layouts", fault, hint="delete input_layouts"))
    return found


def _conv_faults(config: InputConfig, model: ModelFacts) -> list[Finding]:
    found = []
    for name in config.items(CONV, "tensor_arrays"):
        if name and name not in model.conv_inputs:
            fault = f"{name!r} is not the first input of a convolution of the ONNX"
            hint = findings.nearest(name, model.conv_inputs)
            found.append(_at(config, CONV, "tensor_arrays", fault, hint=hint))
        elif name and name == model.conv_inputs[0]:
            fault = f"{name!r} feeds the first convolution, which the tools leave as it is"
            found.append(_at(config, CONV, "tensor_arrays", fault, is_warning=True))
    return found
