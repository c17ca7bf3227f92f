"""What the vendor has not published, varied by seed: the driver must not agree with one guess only."""

from __future__ import annotations

import random
import shlex
from dataclasses import dataclass
from typing import Any

ARGUMENTS = (*("chip", "model", "size", "ini", "class_num", "save_name", "quant_data", "out", "simulate"),)
LAYOUTS = ("${1}_$2", "$2/$1", "$1/$2_release", "$2_${1}")
DATES = ("%Y%m%d", "%Y-%m-%d", "%m%d", "%Y%m%d_%H", "%Y.%m.%d-%H%M%S")
ZONES = ("", "UTC", "UTC-14")
OPTIONS = """chip_option() { echo "--soc_version $1"; }; stage_option() { true; }"""
OPTIONS_1X = """chip_option() { true; }; stage_option() { echo "-t $1"; }"""
TOOLS = ("SGS_IPU_Toolchain", "SGS_IPU_Toolchain_25111209-S21", "SGS_IPU_Toolchain_25121210")
TOOLS_1X = ("SGS_IPU_SDK_v1.1.5_verified_21061809", "SGS_IPU_SDK_vQ_0.1.0")
CHATTER = r"""printf '\033[31m%s\033[0m\r\n' "$1"; echo "[INFO] 100% of nothing to do" """


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One release of the vendor's as it might be; the defaults follow what is published."""

    arguments: tuple[str, ...] = ARGUMENTS
    list_separator: str = ","
    layout: str = LAYOUTS[0]
    date: str = DATES[0]
    zone: str = ""
    preprocess: str = "eat_preprocess.py"
    data_suffix: str = ".npy"
    processes: int = 1
    chatter: bool = False
    is_1x: bool = False
    tools_name: str = "SGS_IPU_Toolchain"

    @property
    def python(self) -> str:
        """What the tools' Python is called; in the oldest images by its word size."""
        return "python32" if self.is_1x else "python3"

    def shell(self) -> str:
        """`variant.sh`, which the tree's scripts source."""
        said = CHATTER if self.chatter else 'echo "$1"'
        return (
            f"ARGUMENTS={shlex.quote(' '.join(self.arguments))}\n"
            f"SEPARATOR={shlex.quote(self.list_separator)}\n"
            f"DATE_FORMAT={shlex.quote(self.date)}\n"
            f"ZONE={shlex.quote(self.zone)}\n"
            f"PREPROCESS={shlex.quote(self.preprocess)}\n"
            f"PROCESSES={self.processes}\n"
            "LEVEL=${LEVEL:-L5}\n"
            f'layout() {{ echo "{self.layout}"; }}\n'
            f"say() {{ {said}; }}\n"
            f"PYTHON={self.python}\n"
            f"{OPTIONS_1X if self.is_1x else OPTIONS}\n"
        )

    def release(self) -> str:
        """`release.sh`, which the tools' own environment sources."""
        dialect = "export SGS_DIALECT=1.x SGS_CHIP=pcupid\n" if self.is_1x else ""
        return f"export SGS_DATA_SUFFIX={self.data_suffix}\n{dialect}"

    def profile(self) -> dict[str, Any]:
        """The keys of the toolchain profile by which a user would describe this release."""
        return {
            "cfg": {"list_separator": self.list_separator},
            "preprocess": self.preprocess.replace("eat", "{model}"),
            "data_suffix": self.data_suffix,
            "needs": {"cpu_flags": []},
            **({"python": self.python, "chip_option": "", "stage_option": "-t"} if self.is_1x else {}),
        }


def by_seed(seed: int) -> Variant:
    """Seed 0 is as published; every other draws each unknown anew."""
    if seed == 0:
        return Variant()
    rng = random.Random(seed)
    arguments = list(ARGUMENTS)
    rng.shuffle(arguments)
    return Variant(
        arguments=tuple(arguments),
        list_separator=rng.choice([",", " ", ";"]),
        layout=rng.choice(LAYOUTS),
        date=rng.choice(DATES[:4]),
        zone=rng.choice(ZONES),
        preprocess=rng.choice(["eat_preprocess.py", "preprocess.py", "eat_pre.py"]),
        data_suffix=rng.choice([".npy", ".raw", ".bin"]),
        processes=rng.choice([1, 4, 10]),
        chatter=rng.random() < 0.5,
        is_1x=(is_1x := rng.random() < 0.3),
        tools_name=rng.choice(TOOLS_1X if is_1x else TOOLS),
    )
