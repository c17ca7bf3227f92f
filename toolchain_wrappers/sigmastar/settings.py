"""The two files that a conversion is described by: `config/<name>.cfg` and `input_config.ini`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

ConvFormat = Literal["ALL_UINT8", "ALL_INT16", "CONV2D_INT16", "DEPTHWISE_INT16", "AUTO"]
"""`[CONV_CONFIG] input_format`; AUTO leaves the key out, so the calibrator chooses."""


@dataclass(frozen=True, kw_only=True)
class Cfg:
    """`config/sed_eat.cfg`: one model for one chip. Names of files are relative to the algorithm's folder."""

    section: str
    chip: str
    model: str  # ONNX file without its suffix
    ini: str
    image: str
    data: str

    def text(self) -> str:
        """The file, with the keys and their case as the vendor documents them."""
        rows = (
            ("CHIP_LIST", self.chip),
            ("Model_LIST", self.model),
            ("INPUT_SIZE_LIST", "0"),
            ("INPUT_INI_LIST", self.ini),
            ("CLASS_NUM_LIST", "0"),
            ("SAVE_NAME_LIST", self.image),
            ("QUANT_DATA_PATH", self.data),
        )
        return f"[{self.section}]\n" + "".join(f"{key}={value}\n" for key, value in rows)


def ini_text(
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
    conv_format: ConvFormat,
    tensor_arrays: Sequence[str] = (),
) -> str:
    """`input_config.ini` for float32 inputs and, as the vendor ships EAT, int16 outputs."""
    many = len(inputs)
    lines = [
        "[INPUT_CONFIG]",
        f"inputs={','.join(inputs)};",
        f"training_input_formats={_each('RAWDATA_F32_NHWC', many)};",
        f"input_formats={_each('RAWDATA_F32_NHWC', many)};",
        f"quantizations={_each('TRUE', many)};",
        "",
        "[OUTPUT_CONFIG]",
        f"outputs={','.join(outputs)};",
        f"dequantizations={_each('FALSE', len(outputs))};",
        "",
    ]
    return "\n".join(lines) + "\n" + conv_config_text(conv_format, tensor_arrays)


def conv_config_text(conv_format: ConvFormat, tensor_arrays: Sequence[str] = ()) -> str:
    """`[CONV_CONFIG]`: the first inputs of convolutions that take 16 bits if any are named, else the format."""
    if tensor_arrays:
        return f"[CONV_CONFIG]\ntensor_arrays={','.join(tensor_arrays)};\n"
    return "[CONV_CONFIG]\n" + ("" if conv_format == "AUTO" else f'input_format="{conv_format}";\n')


def _each(value: str, count: int) -> str:
    return ",".join([value] * count)
