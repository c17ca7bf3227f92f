"""`config/<name>.cfg`, which the vendor's `convert.sh -c` reads: chips, models and files, kept to the byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar.keyed_file import KeyedFile
from toolchain_wrappers.sigmastar.keyed_text import Grammar

KEYS = (
    "CHIP_LIST",
    "Model_LIST",
    "INPUT_SIZE_LIST",
    "INPUT_INI_LIST",
    "CLASS_NUM_LIST",
    "SAVE_NAME_LIST",
    "QUANT_DATA_PATH",
)
"""The keys in the vendor's order and spelling."""

PER_MODEL = KEYS[1:6]
"""The parallel lists: one entry a model."""

Separator = str
"""What stands between the entries of a list; a blank stands for any run of blanks."""


@dataclass(frozen=True, kw_only=True)
class CfgModel:
    """One column of the parallel lists. File names are relative to the algorithm's folder."""

    name: str  # ONNX file without its suffix
    input_size: str  # resolution of an image input; "0" for audio
    ini: str
    class_num: str
    image: str


@dataclass(frozen=True, kw_only=True)
class Cfg(KeyedFile):
    """The file. A key is looked for in every section unless one is named; letter case does not matter."""

    GRAMMAR: ClassVar = Grammar(delimiters="=", comments="#;")
    CALLED: ClassVar = "cfg"

    @classmethod
    def new(
        cls,
        *,
        section: str,
        chips: Sequence[str],
        models: Sequence[CfgModel],
        data: str,
        separator: Separator = ",",
    ) -> Cfg:
        """A file from nothing, keys in the vendor's order. Raises ToolchainError for what it cannot hold."""
        rows: dict[str, Sequence[str]] = {
            "CHIP_LIST": chips,
            "Model_LIST": [model.name for model in models],
            "INPUT_SIZE_LIST": [model.input_size for model in models],
            "INPUT_INI_LIST": [model.ini for model in models],
            "CLASS_NUM_LIST": [model.class_num for model in models],
            "SAVE_NAME_LIST": [model.image for model in models],
        }
        cfg = cls.parse(f"[{section}]\n", place=f"the cfg of {section}")
        for key, items in rows.items():
            cfg = cfg.with_items(key, items, section=section, separator=separator)
        return cfg.with_value("QUANT_DATA_PATH", data, section=section)

    def sections(self) -> tuple[str, ...]:
        """Names in order."""
        return self.source.sections()

    def get(self, key: str, *, section: str | None = None) -> str | None:
        """The value without quotes, None if the key is absent. Raises ToolchainError when it is set twice."""
        setting = self.source.find(key, section)
        return setting.value if setting else None

    def with_value(self, key: str, value: str, *, section: str | None = None) -> Cfg:
        """The same file but for this value; a new key goes below the section's last."""
        return replace(self, source=self.source.with_value(key, value, section))

    def detect(self) -> Separator | None:
        """What parts the lists of this file: a comma if any has one, else a blank; None when all have one entry."""
        lists = [s.value for s in self.source.settings() if s.key.casefold().endswith("_list")]
        if any("," in value for value in lists):
            return ","
        return " " if any(len(value.split()) > 1 for value in lists) else None

    def items(
        self, key: str, *, section: str | None = None, separator: Separator | None = None
    ) -> tuple[str, ...]:
        """The entries of a list, none for an absent key.

        The vendor documents no separator: it is detected if not given.
        """
        value = self.get(key, section=section)
        parted = separator or self.detect() or ","
        if not value:
            return ()
        return tuple(value.split()) if parted == " " else tuple(item.strip() for item in value.split(parted))

    def with_items(
        self,
        key: str,
        items: Sequence[str],
        *,
        section: str | None = None,
        separator: Separator | None = None,
    ) -> Cfg:
        """The same file with this list. Raises ToolchainError for an entry that holds the separator."""
        parted = separator or self.detect() or ","
        for item in items:
            if parted in item or item != item.strip() or (not item and len(items) > 1):
                raise ToolchainError(
                    f"{self.source.place}: {key}: {item!r} cannot be an entry of a list parted by {parted!r}",
                    hint="rename the file" if item else "give every model an entry",
                )
        return self.with_value(key, parted.join(items), section=section)

    def models(
        self, *, section: str | None = None, separator: Separator | None = None
    ) -> tuple[CfgModel, ...]:
        """The models, one a column of the parallel lists.

        Raises ToolchainError naming the keys and their lengths when the lists are not equally long.
        """
        lists = {key: self.items(key, section=section, separator=separator) for key in PER_MODEL}
        if len({len(items) for items in lists.values()}) > 1:
            counts = ", ".join(f"{key} {len(items)}" for key, items in lists.items())
            raise ToolchainError(
                f"{self.source.place}: lists of unequal length: {counts}",
                hint="every one of them has an entry for each model, in the same order",
            )
        return tuple(
            CfgModel(name=name, input_size=size, ini=ini, class_num=classes, image=image)
            for name, size, ini, classes, image in zip(*lists.values(), strict=True)
        )
