"""Which chip a board has, from what vendor kernels print: SDKs, models and toolchains use its codename."""

from __future__ import annotations

import re
from collections.abc import Mapping

CODENAMES = {
    "i6e": "pudding",
    "0xf1": "pudding",
    "m6": "tiramisu",
    "0xf4": "tiramisu",
    "i6c": "maruko",
    "0xf9": "maruko",
    "p5": "opera",
    "i6f": "souffle",
    "0xfb": "souffle",
    "i6b0": "ispahan",
    "0xf2": "ispahan",
    "0xee": "mercury5",
    "i6": "macaron",
    "0xef": "macaron",
    "i2m": "taiyaki",
    "0xf0": "taiyaki",
    "p3": "ikayaki",
    "0xf5": "ikayaki",
    "0xc2": "infinity3",
    "i5": "pretzel",
    "0xed": "pretzel",
}
"""Family (/sys/devices/soc0/family) or chip id (msys CHIP_ID) -> codename."""

KNOWN_CHIPS = frozenset(CODENAMES.values()) | {"muffin", "mochi", "iford", "ifado", "pcupid"}


def chip_of(sections: Mapping[str, str]) -> str | None:
    """The device tree's model by name, then family and chip id by table; None when nothing is certain."""
    for word in re.findall(r"[a-z0-9]+", sections.get("model", "").lower()):
        if word in KNOWN_CHIPS:
            return str(word)
    family = sections.get("soc_family", "").strip().lower()
    if family in CODENAMES:
        return CODENAMES[family]
    found = re.search(r"0x[0-9a-f]+", sections.get("chip_id", "").lower())
    return CODENAMES.get(found[0]) if found else None
