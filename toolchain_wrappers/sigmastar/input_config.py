"""`input_config.ini`, which ConvertTool and the calibrator read: the file kept to the byte, and what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar.findings import nearest
from toolchain_wrappers.sigmastar.keyed_file import KeyedFile
from toolchain_wrappers.sigmastar.keyed_text import Grammar, Setting

INPUT, OUTPUT, CONV = "INPUT_CONFIG", "OUTPUT_CONFIG", "CONV_CONFIG"

KEYS: dict[str, tuple[str, ...]] = {
    INPUT: (
        "inputs",
        "training_input_formats",
        "input_formats",
        "quantizations",
        "mean",
        "mean_red",
        "mean_green",
        "mean_blue",
        "std_value",
        "input_width_alignment",
        "input_height_alignment",
        "input_layouts",
    ),
    OUTPUT: ("outputs", "dequantizations", "output_layouts"),
    CONV: ("input_format", "tensor_arrays"),
}
"""The documented keys of each section."""

RAW_FORMATS = ("RAWDATA_S16_NHWC", "RAWDATA_F32_NHWC", "RAWDATA_COMPLEX64")
SWITCH = ("TRUE", "FALSE")
LAYOUTS = ("NHWC", "NCHW")

ConvFormat = Literal["ALL_UINT8", "ALL_INT16", "CONV2D_INT16", "DEPTHWISE_INT16", "AUTO"]
"""`[CONV_CONFIG] input_format`; AUTO leaves the key out, so the calibrator chooses."""

LEGAL: dict[tuple[str, str], tuple[str, ...]] = {
    (INPUT, "training_input_formats"): ("RGB", "BGR", "GRAY", *RAW_FORMATS),
    (INPUT, "input_formats"): ("RGB", "BGR", "RGBA", "BGRA", "YUV_NV12", "GRAY", *RAW_FORMATS),
    (INPUT, "quantizations"): SWITCH,
    (INPUT, "input_layouts"): LAYOUTS,
    (OUTPUT, "dequantizations"): SWITCH,
    (OUTPUT, "output_layouts"): LAYOUTS,
    (CONV, "input_format"): ("ALL_UINT8", "ALL_INT16", "CONV2D_INT16", "DEPTHWISE_INT16"),
}
"""What may stand for a key, or for each entry of its list."""

_BARE = re.compile(r"[^\s,;#\"']+")


@dataclass(frozen=True, kw_only=True)
class Input:
    """One input of the model, defaults filled in."""

    name: str
    training_format: str
    format: str
    is_quantized: bool
    width_alignment: int  # pixels
    height_alignment: int
    layout: str  # of a 4-D input; others have none


@dataclass(frozen=True, kw_only=True)
class Output:
    """One output of the model, defaults filled in; float32 on the board if dequantized, else int16."""

    name: str
    is_dequantized: bool
    layout: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the file says. `mean` and `std` are as written, one entry an input, a number a channel."""

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    mean: tuple[tuple[float, ...], ...] = ()
    std: tuple[tuple[float, ...], ...] = ()
    conv_format: str | None = None  # None: the calibrator chooses
    tensor_arrays: tuple[str, ...] = ()  # first inputs of convolutions that take int16


@dataclass(frozen=True, kw_only=True)
class InputConfig(KeyedFile):
    """The file. Sections and keys are the vendor's: `get(INPUT, "inputs")`."""

    GRAMMAR: ClassVar = Grammar(delimiters="=:", comments="#;", terminator=";")
    CALLED: ClassVar = "input_config.ini"

    @classmethod
    def new(cls, *, inputs: Sequence[str], outputs: Sequence[str]) -> InputConfig:
        """A file for float32 inputs and, as the vendor ships EAT, int16 outputs; convolutions left to the tool."""
        config = cls.parse(f"[{INPUT}]\n\n[{OUTPUT}]\n\n[{CONV}]\n")
        rows: tuple[tuple[str, str, Sequence[str]], ...] = (
            (INPUT, "inputs", inputs),
            (INPUT, "training_input_formats", ["RAWDATA_F32_NHWC"] * len(inputs)),
            (INPUT, "input_formats", ["RAWDATA_F32_NHWC"] * len(inputs)),
            (INPUT, "quantizations", ["TRUE"] * len(inputs)),
            (OUTPUT, "outputs", outputs),
            (OUTPUT, "dequantizations", ["FALSE"] * len(outputs)),
        )
        for section, key, items in rows:
            config = config.with_items(section, key, items)
        return config

    def get(self, section: str, key: str) -> str | None:
        """The value without quotes and `;`, None if absent. Raises ToolchainError when it is set twice."""
        setting = self.source.find(key, section)
        return setting.value if setting else None

    def items(self, section: str, key: str) -> tuple[str, ...]:
        """The entries of a comma list, blanks and quotes around each taken off; none for an absent key."""
        value = self.get(section, key)
        return tuple(item.strip().strip("\"'") for item in value.split(",")) if value else ()

    def with_value(self, section: str, key: str, value: str) -> InputConfig:
        """The same file but for this value.

        A key that only a comment holds (`#input_format="ALL_INT16";`) gets a line right below that comment, in
        its manner. Raises ToolchainError for a value that the file cannot hold.
        """
        return replace(self, source=self.source.with_value(key, value, section))

    def with_items(self, section: str, key: str, items: Sequence[str]) -> InputConfig:
        """The same file with this list. Raises ToolchainError for an entry with a comma, blank, quote, `;`, `#`."""
        for item in items:
            if not _BARE.fullmatch(item):
                raise ToolchainError(
                    f"{self.source.place}: [{section}] {key}: {item!r} cannot be an entry of a list",
                    hint="rename the tensor: the tools read no blanks, commas or quotes in names",
                )
        return self.with_value(section, key, ",".join(items))

    def with_conv_config(self, conv_format: str | None, tensor_arrays: Sequence[str] = ()) -> InputConfig:
        """Convolution widths: the tensors named, else the format, else (None) the calibrator's own choice.

        The format stands in double quotes, as in the vendor's own file.
        """
        config = self
        form, tensors = None if tensor_arrays else conv_format, ",".join(tensor_arrays)
        for key, value, quote in (("input_format", form, '"'), ("tensor_arrays", tensors, "")):
            source = config.source
            if value:
                config = replace(config, source=source.with_value(key, value, CONV, quote=quote))
            else:
                config = replace(config, source=source.without(key, CONV))
        return config

    def settings(self) -> Settings:
        """The typed view. Raises ToolchainError with line, key and legal values for what it cannot read."""
        names, outputs = self.items(INPUT, "inputs"), self.items(OUTPUT, "outputs")
        formats = self._each(INPUT, "input_formats", names)
        training = self._each(INPUT, "training_input_formats", names)
        quantized = self._each(INPUT, "quantizations", names, "TRUE")
        layouts = self._each(INPUT, "input_layouts", names, "NHWC")
        widths, heights = (
            self._alignments(f"input_{side}_alignment", names, formats) for side in ("width", "height")
        )
        dequantized = self._each(OUTPUT, "dequantizations", outputs, "TRUE")
        output_layouts = self._each(OUTPUT, "output_layouts", outputs, "NHWC")
        return Settings(
            inputs=tuple(
                Input(
                    name=name,
                    training_format=training[i],
                    format=formats[i],
                    is_quantized=quantized[i] == "TRUE",
                    width_alignment=widths[i],
                    height_alignment=heights[i],
                    layout=layouts[i],
                )
                for i, name in enumerate(names)
            ),
            outputs=tuple(
                Output(name=name, is_dequantized=dequantized[i] == "TRUE", layout=output_layouts[i])
                for i, name in enumerate(outputs)
            ),
            mean=self._mean(),
            std=self.numbers("std_value"),
            conv_format=next(iter(self._legal(CONV, "input_format")), None),
            tensor_arrays=self.items(CONV, "tensor_arrays"),
        )

    def numbers(self, key: str) -> tuple[tuple[float, ...], ...]:
        """A list of `r:g:b` entries of INPUT_CONFIG. Raises ToolchainError naming the line of what is no number."""
        try:
            return tuple(tuple(float(x) for x in item.split(":")) for item in self.items(INPUT, key))
        except ValueError as e:
            raise self._refused(INPUT, key, f"{self.get(INPUT, key)!r} is not numbers parted by ':'") from e

    def _mean(self) -> tuple[tuple[float, ...], ...]:
        colours = [self.numbers(f"mean_{colour}") for colour in ("red", "green", "blue")]
        if not any(colours):
            return self.numbers("mean")
        # A colour that is not given counts 0; each colour has one number an input.
        count = max(len(colour) for colour in colours)
        return tuple(tuple(c[i][0] if i < len(c) else 0.0 for c in colours) for i in range(count))

    def _alignments(self, key: str, names: Sequence[str], formats: Sequence[str]) -> tuple[int, ...]:
        items = self.items(INPUT, key)
        if not items:
            return tuple(2 if form == "YUV_NV12" else 1 for form in formats)
        if len(items) != len(names) or not all(
            item.isascii() and item.isdigit() and int(item) for item in items
        ):
            raise self._refused(INPUT, key, f"{','.join(items)!r} is not {len(names)} whole numbers from 1")
        return tuple(int(item) for item in items)

    def _each(
        self, section: str, key: str, names: Sequence[str], default: str | None = None
    ) -> tuple[str, ...]:
        items = self._legal(section, key)
        if not items and default is not None:
            return (default,) * len(names)
        if len(items) != len(names):
            raise self._refused(section, key, f"has {len(items)} entries for {len(names)} names")
        return items

    def _legal(self, section: str, key: str) -> tuple[str, ...]:
        items = self.items(section, key)
        for item in items:
            if item not in LEGAL[section, key]:
                raise self._refused(section, key, *illegal(item, LEGAL[section, key]))
        return items

    def _refused(self, section: str, key: str, fault: str, hint: str = "") -> ToolchainError:
        setting: Setting | None = self.source.find(key, section)
        place = f"{self.source.place}:{setting.line}" if setting else self.source.place
        return ToolchainError(f"{place}: [{section}] {key}: {fault}", hint=hint)


def illegal(word: str, legal: Sequence[str]) -> tuple[str, str]:
    """The fault of a word that is not one of `legal`, and a hint."""
    return f"{word!r} is not one of {', '.join(legal)}", nearest(word, legal)
