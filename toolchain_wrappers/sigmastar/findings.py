"""What a check finds wrong in the vendor's files, and the error it becomes."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from toolchain_wrappers.errors import ToolchainError
from toolchain_wrappers.sigmastar.keyed_text import KeyedText, Setting


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One fault. `line` is 0 where no line is at fault but its absence; a warning does not stop a conversion."""

    file: str
    line: int = 0
    section: str = ""
    key: str = ""
    fault: str
    hint: str = ""
    is_warning: bool = False

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        section = f"[{self.section}] " if self.section else ""
        key = f"{self.key}: " if self.key else ""
        text = f"{place}: {section}{key}{self.fault}"
        # A key may hold bytes that were not UTF-8, which a terminal would not take.
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def refuse(findings: Iterable[Finding]) -> None:
    """Raises ToolchainError with every fault, a line each, and their hints; warnings alone pass."""
    faults = [finding for finding in findings if not finding.is_warning]
    if faults:
        hints = dict.fromkeys(finding.hint for finding in faults if finding.hint)
        raise ToolchainError("\n".join(str(finding) for finding in faults), hint="; ".join(hints))


def at(text: KeyedText, setting: Setting, fault: str, *, hint: str = "", is_warning: bool = False) -> Finding:
    """A finding on the line of `setting`."""
    return Finding(
        file=text.place,
        line=setting.line,
        section=setting.section,
        key=setting.key,
        fault=fault,
        hint=hint,
        is_warning=is_warning,
    )


def nearest(word: str, known: Collection[str]) -> str:
    """A hint: the known word that `word` is a misspelling of, letter case aside, else nothing."""
    spelled = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), spelled, n=1)
    return f"did you mean {spelled[near[0]]!r}?" if near else ""


def shape_faults(text: KeyedText, known: dict[str, tuple[str, ...]]) -> list[Finding]:
    """Faults of the file's form: lines that set nothing, doubled or unknown keys, doubled sections.

    `known` has the keys of each section that the vendor documents; a section that is not in it is left alone.
    """
    found: list[Finding] = []
    if text.lines and text.lines[0].text.startswith("\ufeff"):
        found.append(
            Finding(
                file=text.place, line=1, fault="begins with a byte order mark", hint="save it as plain UTF-8"
            )
        )
    for number, line in enumerate(text.lines, start=1):
        if line.kind == "other":
            found.append(Finding(file=text.place, line=number, fault=f"{line.text.strip()!r} sets nothing"))
    names = text.sections()
    found += [
        Finding(file=text.place, section=name, fault="stands there more than once")
        for name in dict.fromkeys(n for n in names if names.count(n) > 1)
    ]
    for setting in text.settings():
        found += _key_faults(text, setting, known)
    return found


def _key_faults(text: KeyedText, setting: Setting, known: dict[str, tuple[str, ...]]) -> list[Finding]:
    if not setting.section:
        return [at(text, setting, "stands before the first [section]")]
    found = []
    same = [s.line for s in text.settings(setting.section) if s.key.casefold() == setting.key.casefold()]
    if same[0] < setting.line:
        found.append(at(text, setting, f"is already set in line {same[0]}", hint="delete one of them"))
    if setting.value[:1] in ("'", '"') and setting.value.count(setting.value[0]) == 1:
        found.append(at(text, setting, f"the quote of {setting.value} is not closed"))
    keys = known.get(setting.section, ())
    if keys and setting.key not in keys:
        found.append(
            at(
                text,
                setting,
                "is no key that the vendor documents",
                hint=nearest(setting.key, keys),
                is_warning=True,
            )
        )
    return found
