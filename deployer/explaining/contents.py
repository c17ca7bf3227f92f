"""Check 1: program, model and inputs on the board are the bytes that the run record states."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.board.files import digests
from deployer.explaining import wav_change
from deployer.explaining.case import Case, Held
from deployer.explaining.finding import Check, Finding, some

CHECK = Check(name="contents")
_DIGITS = 12


def check(case: Case) -> Finding:
    """A file that is missing, damaged, or another one."""
    wrong = _on_board(case)
    if wrong:
        missing = [held for held in case.held.values() if held.there is False]
        what = f"{some(held.name for held in wrong)} on the board {_is(wrong, missing)}"
        return CHECK.proven(what, evidence=[told(case, held) for held in wrong], cure=_cure(case, wrong))
    return _nothing_wrong(case)


def _on_board(case: Case) -> list[Held]:
    return [held for held in case.held.values() if _wrong_there(case, held)]


def _wrong_there(case: Case, held: Held) -> bool:
    """Gone, or other bytes than the record's or, where it has no hash, than this machine's."""
    if not held.there:
        return held.there is False and held.recorded is not None
    return held.changed or (held.recorded is None and _differs_here(case, held))


def others_here(case: Case) -> list[Held]:
    """Files of the run of which this machine has another under the same name: its simulators run those."""
    return [held for held in case.held.values() if _differs_here(case, held)]


def _differs_here(case: Case, held: Held) -> bool:
    """Whether this machine's file of that name is not the board's. A program built anew is no simulator's."""
    here = case.host.now.get(held.name)
    if here is None or held.name == case.names.program:
        return False
    of_run = held.sha256 or held.recorded
    return of_run is not None and digests.both(here)[0] != of_run


def _is(wrong: list[Held], missing: list[Held]) -> str:
    if len(missing) == len(wrong):
        return "is gone" if len(wrong) == 1 else "are gone"
    if any(held.recorded is None for held in wrong):
        return (
            "is another file than this machine's"
            if len(wrong) == 1
            else "are other files than this machine's"
        )
    return "is not what the run used" if len(wrong) == 1 else "are not what the run used"


def told(case: Case, held: Held) -> str:
    """One file in words: the hashes that disagree, and what became of it."""
    here = case.host.now.get(held.name)
    words = [f"record {_short(held.recorded)}"]
    if held.there is False:
        words.append("not on the board")
    elif held.there:
        words.append(f"board {_short(held.sha256)}")
    if held.released is not None and held.released != held.sha256:
        words.append(f"its release {_short(held.released)}")
    if here is not None and held.name != case.names.program:
        words.append(f"this machine {_short(digests.both(here)[0])}")
    return "; ".join([f"{held.name}: {', '.join(words)}", *_became(case, held)])


def _became(case: Case, held: Held) -> Iterator[str]:
    """What the board has in its place: another file of the run, or the clip changed in a known way."""
    if held.path is None or not held.there:
        return
    same = [name for name, one in case.held.items() if name != held.name and one.recorded == held.sha256]
    if same and held.sha256 is not None:
        yield f"it has the bytes of {some(same)}"
        return
    wanted = case.host.by_sha256.get(held.recorded or "") or case.host.now.get(held.name)
    if wanted is None:
        return
    if held.name in case.names.clips:
        yield from wav_change.described(held.path, wanted)
    else:
        yield _bytes_apart(held.path.read_bytes(), wanted.read_bytes())


def _bytes_apart(got: bytes, wanted: bytes) -> str:
    if len(got) != len(wanted):
        return f"{len(got)} bytes there, {len(wanted)} wanted"
    apart = [at for at, (a, b) in enumerate(zip(got, wanted, strict=True)) if a != b]
    return f"{len(apart)} of {len(wanted)} bytes differ, the first at {apart[0]}" if apart else "equal bytes"


def _cure(case: Case, wrong: list[Held]) -> str:
    released = [held.released for held in wrong if held.released is not None]
    if released and all(held.released == held.sha256 for held in wrong):
        return "another release was pushed since: `deploy push` that of the run, or `deploy bench` this one"
    if any(held.there and held.released == held.recorded and held.changed for held in wrong):
        return (
            "it was changed behind deploy's back, or the flash fails: `deploy push` mends it; "
            "if it comes back, look at `dmesg` there"
        )
    return "`deploy push`, then `deploy bench` again"


def _nothing_wrong(case: Case) -> Finding:
    unproven = [held.name for held in case.held.values() if held.recorded is None and not held.there]
    if unproven:
        why = "no board was asked" if case.board is None else f"{case.board.directory} on the board has none"
        return CHECK.cannot_tell(
            f"the record has no hashes of {some(unproven)}, and {why}",
            cure="`deploy bench` keeps hashes"
            + ("" if case.board else "; without --offline the board is asked"),
        )
    asked = [held for held in case.held.values() if held.there]
    where = f"of the board's release {case.board.release}" if case.board is not None else "in the record"
    if case.board is not None and not case.board.current:
        where += ", which is not current any more,"
    gone = [held.name for held in case.held.values() if held.path is None]
    notes = [f"not at hand on this machine: {some(gone)}"] if gone else []
    if not asked:
        return CHECK.fine(
            f"what this machine has of the {len(case.held)} files {where} is the same",
            evidence=[*notes, "the board was not asked"],
        )
    return CHECK.fine(f"all {len(asked)} files {where} are the run's, byte for byte", evidence=notes)


def _short(sha256: str | None) -> str:
    return sha256[:_DIGITS] if sha256 is not None else "without a hash"
