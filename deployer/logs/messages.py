"""What board programs, the IPU library and the shell say when something fails, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass

IPU_ERRORS = {
    1: "invalid channel id",
    2: "the channel exists already",
    3: "no such channel",
    4: "out of memory",
    5: "no buffer",
    6: "bad address",
    7: "timeout",
    8: "file operation failed",
    9: "illegal tensor buffer size",
    10: "illegal buffer depth",
    11: "illegal input or output description",
    12: "illegal input or output parameter",
    13: "mapping failed",
    14: "firmware cannot be initialised",
    15: "channel cannot be created",
    16: "channel cannot be destroyed",
    17: "invoke failed",
    18: "memory region cannot be set",
    19: "IPU parameter cannot be set",
    20: "invalid pitch alignment",
    21: "no IPU device was created",
    22: "IPU version cannot be read",
    23: "headers do not match the library",
    24: "request not supported",
    25: "failed",
    26: "request cannot be sent",
    27: "firmware information cannot be read",
    32: "the device is shut down",
    35: "no device available",
    37: "invalid batch number",
    41: "the IPU hangs",
    44: "invalid model buffer",
    45: "invalid variable buffer",
    52: "bad physical address alignment",
    53: "wrong kind of invoke",
    54: "the model is for another chip",
    256: "no channel available",
}
"""`IPU_ErrCode_e` of header 1.0.3, in words."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A failure that was recognised: what was said, in words, and what may cure it."""

    message: str
    hint: str = ""

    def __str__(self) -> str:
        return self.message


_MODEL = "the model is missing, damaged or for another chip: `deploy push`, and check `chip:` in deploy.yaml"
_CHIP = "convert the model for the chip of this board (`chip:` in deploy.yaml)"
_DEVICE = "is the IPU driver loaded (`lsmod`, /dev/mi_ipu), and does no other program hold it?"
_MEMORY = "stop other programs that use the IPU, or reboot the board"
_FIRMWARE = (
    "is the IPU driver loaded (`lsmod`)? Old chips also need the firmware file of their SDK on the board"
)
_LIBRARIES = "set LD_LIBRARY_PATH for this board (`/lib:/config/lib:/customer/lib`), or push the library"
_ABI = "nothing pushed yet, or the program is for another ABI: compare `uname -m` with `file prog_sed_eat`"
_NOEXEC = "the file system may be mounted noexec: another `directory:` for this board"
_SPACE = "delete files on the board, or choose a larger file system as `directory:`"
_READ_ONLY = "choose a writable file system as `directory:` of this board"
_INPUT = "is the wav on the board? `deploy push` puts it there"
_HUNG = "a hung IPU needs a power cycle"

_NUMBER = r"(?P<code>-?(?:0[xX][0-9a-fA-F]+|\d+))"

_TABLE: tuple[tuple[str, str], ...] = (
    (
        r"(?<![/\w])prog_sed_eat: (?![^\n]*(?:not found|denied|No such|loading shared))(?P<words>[^\n]+)",
        "",
    ),  # our own program
    (rf"[Gg]et model variable buffer size failed(?:! Error Code:)? ?\(?{_NUMBER}?\)?!?", _MODEL),
    (rf"[Cc]reate (?:ipu|IPU) [Dd]evice failed(?:! Error Code:)? ?\(?{_NUMBER}?\)?!?", _DEVICE),
    (
        rf"[Cc]reate (?:detect )?(?:ipu|IPU) [Cc]hannel failed(?:! Error Code:)? ?\(?{_NUMBER}?\)?!?",
        _MODEL,
    ),
    (rf"get (?:output )?tensor (?:desc )?failed(?:,ret:|\(){_NUMBER}\)?!?", _MEMORY),
    (rf"MI_IPU_Invoke error, ret {_NUMBER}", _HUNG),
    (rf"IPU invoke failed! Error Code: {_NUMBER}", _HUNG),
    (rf"MI_IPU_\w+(?:\([^)\n]*\))? failed: ?{_NUMBER}", _MODEL),
    (r"(?:alloc|mmap) src buff failed", _MEMORY),
    (r"file2buffer failed, expected \d+ bytes, \d+ bytes written", _INPUT),
    (r"open file\[[^\]\n]*\] failed", _INPUT),
    (r"Error! Can not read picture: \S+", _INPUT),
    (r"error!  ?image don't exist!", _INPUT),
    (r"found 0 images!", _INPUT),
    (r"model path is too long \(max=256\)", "choose a shorter `directory:` for this board"),
    (r"model intput_format error", ""),
    (r"Size of format list, size of image list and num of model inputs should be same!", ""),
    (r"mkdir error!", _READ_ONLY),
    (r"exit with error code \d+", ""),
    (r"(?<!\w)open: No such file or directory", _INPUT),
    (r"fstat: Value too large for defined data type", "a 32-bit program cannot use this network mount"),
    (r"\[?\w*\]? ?failed to open /dev/mi[_/]ipu!?(?:\([^)\n]*\))?", _DEVICE),
    (r"can't access default firmeware image:\s*\S+", _FIRMWARE),
    (r"fail to open firmware", _FIRMWARE),
    (rf"fail to init firmware, error code={_NUMBER}", _FIRMWARE),
    (r"out of memory when allocate MaxVariableBufSize:\d+", _MEMORY),
    (r"variable tensor buffer size\(\d+\) is small than model's need\(\d+\)", _MEMORY),
    (r"error: fail to read model file \S+", _MODEL),
    (r"Open \S+ FAIL", _MODEL),
    (r"read error in _MI_IPU_ModelImgCheck", _MODEL),
    (r"map model failed", _MEMORY),
    (r"fail to create channel\d*", _MODEL),
    (r"no available IPU channel", _MEMORY),
    (r"error while loading shared libraries: (?P<words>[^\n:]+): cannot open shared object file", _LIBRARIES),
    (r"fail to open /sys/dla/ipu_log, error=[^\n]+", ""),
    (r"\S+: Permission denied", _NOEXEC),
    (r"\S*prog_\w+: (?:No such file or directory|not found)", _ABI),
    (r"No space left on device", _SPACE),
    (r"Read-only file system", _READ_ONLY),
    (
        r"Segmentation fault|Bus error|Illegal instruction",
        "the program and the board's libraries may not fit",
    ),
)

_PATTERNS = tuple((re.compile(pattern), hint) for pattern, hint in _TABLE)


def find(text: str) -> Failure | None:
    """The failure in `text` that comes first; our own program's words go before its vendor-like line."""
    own, *others = _PATTERNS
    if match := own[0].search(text):
        return Failure(message=match["words"].strip())
    hits = [(match, hint) for pattern, hint in others if (match := pattern.search(text))]
    if not hits:
        return None
    match, hint = min(hits, key=lambda hit: hit[0].start())
    return _failure(match, hint)


def in_words(code: int) -> str:
    """An IPU error number, bare, negative or in the low 12 bits of a module's code; empty if unknown."""
    for number in (code, -code, code & 0xFFF):
        if number in IPU_ERRORS:
            return IPU_ERRORS[number]
    return ""


def _failure(match: re.Match[str], hint: str) -> Failure:
    said = match.group().strip()
    written = match.groupdict().get("code")
    if not written:
        return Failure(message=said, hint=hint)
    code = int(written, 0) if "x" in written.lower() else int(written)
    words = in_words(code)
    if words == IPU_ERRORS[54]:
        hint = _CHIP
    elif words == IPU_ERRORS[4]:
        hint = _MEMORY
    elif words == IPU_ERRORS[14]:
        hint = _FIRMWARE
    return Failure(message=f"{said} ({words})" if words else said, hint=hint)
