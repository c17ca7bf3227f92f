"""Pushes to real boards with random kills; after each, every board's content is compared byte by byte.

    python tests/soak/soak_boards.py [--pushes 1000] [--seed 1]      (needs root; about ten minutes)

A board may hold the release it had or the one that was under way, whole, and never anything else. Every push that
nothing disturbs must succeed, whatever the one before it left behind.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from deployer.push import BoardFile
from tests.boards.client import Job
from tests.boards.rig import MAIN, RIGS, Rig, built, content, missing

_POOL = 12  # contents that come again, so that stores and staging are shared between releases
_SWEEP_EVERY = 20
_CALM = 0.25  # the share of pushes that nothing disturbs


@dataclass(kw_only=True)
class Tally:
    """What has happened."""

    pushes: int = 0
    whole: int = 0  # comparisons of a board with a release, all equal
    compared_bytes: int = 0
    releases: int = 0  # on the last board at the end
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def _nothing(rig: Rig, job: Job, pause_s: float) -> None:
    pass


def _operator_killed(rig: Rig, job: Job, pause_s: float) -> None:
    time.sleep(pause_s)
    job.kill()


def _interrupted(rig: Rig, job: Job, pause_s: float) -> None:
    time.sleep(pause_s)
    with contextlib.suppress(ProcessLookupError):
        job.interrupt()


def _session_killed(rig: Rig, job: Job, pause_s: float) -> None:
    time.sleep(pause_s)
    rig.frame.kill(sessions=True)


def _rebooted(rig: Rig, job: Job, pause_s: float) -> None:
    time.sleep(pause_s)
    rig.reboot()


FAULTS: dict[str, Callable[[Rig, Job, float], None]] = {
    "operator killed": _operator_killed,
    "interrupted": _interrupted,
    "session killed": _session_killed,
    "rebooted": _rebooted,
    "wire cut": _nothing,
    "byte spoilt": _nothing,
}


class Soak:
    """Pushes to `rigs` in turn; raises AssertionError at the first board that holds what nobody meant."""

    def __init__(self, rigs: list[Rig], folder: Path, seed: int) -> None:
        self._rigs = rigs
        self._random = random.Random(seed)
        self._folder = folder
        self._number = 0
        self._holds: dict[int, dict[str, bytes]] = {id(rig): rig.place.content() for rig in rigs}
        self._typical_s = dict.fromkeys(self._holds, 0.4)
        self.tally = Tally()
        self._pool = [self._file(self._random.randbytes(size)) for size in self._sizes()]

    def run(self, pushes: int) -> Tally:
        """That many pushes, and at the end a calm one to every board."""
        started = time.monotonic()
        for number in range(1, pushes + 1):
            rig = self._random.choice(self._rigs)
            calm = self._random.random() < _CALM
            self._push(rig, "none" if calm else self._random.choice([*FAULTS]))
            if number % _SWEEP_EVERY == 0:
                self._swept(rig)
        for rig in self._rigs:
            self._push(rig, "none")
            self._swept(rig)
        self.tally.seconds = time.monotonic() - started
        return self.tally

    def _push(self, rig: Rig, fault: str) -> None:
        files = self._release()
        before, meant = self._holds[id(rig)], content(files)
        rig.wire.heal()
        somewhere = self._random.randrange(sum(map(len, meant.values())) + 12_000)
        if fault == "wire cut":
            rig.wire.to_board.cut_after_bytes = somewhere
        elif fault == "byte spoilt":
            rig.wire.to_board.corrupt_at_byte = somewhere
        started = time.monotonic()
        job = rig.client.start(rig.config, files)
        pause_s = self._random.uniform(0, 1.2 * self._typical_s[id(rig)])
        FAULTS.get(fault, _nothing)(rig, job, pause_s)
        outcome = job.wait()
        self._judge(rig, before, meant, f"push {self.tally.pushes}, {fault}: {outcome}")
        self.tally.faults[fault] += 1
        self.tally.ends[str(outcome.exit_code)] += 1
        if fault == "none":
            assert outcome.exit_code == 0 and self._holds[id(rig)] == meant, outcome
            self._typical_s[id(rig)] = time.monotonic() - started
        assert outcome.exit_code in (0, 4, 130, -9), outcome
        assert (outcome.exit_code != 0) or self._holds[id(rig)] == meant, outcome

    def _judge(self, rig: Rig, before: dict[str, bytes], meant: dict[str, bytes], what: str) -> None:
        rig.idle()
        there = rig.place.content()
        assert there in (before, meant), f"{what}: the board holds {sorted(there)}, which nobody meant"
        self._holds[id(rig)] = there
        self.tally.pushes += 1
        self.tally.whole += 1
        self.tally.compared_bytes += sum(map(len, there.values()))

    def _swept(self, rig: Rig) -> None:
        """After `deploy gc` nothing lies there but manifests and contents that are what their names say."""
        rig.wire.heal()
        outcome = rig.client.start(rig.config, collect=True).wait()
        assert outcome.exit_code == 0, f"{outcome}; the server's last words: {rig.frame.log[-800:]}"
        self.tally.releases = 0
        for name, entry in rig.place.tree().items():
            match PurePosixPath(name).parts:
                case ["store", digest] if isinstance(entry, bytes):
                    assert hashlib.sha256(entry).hexdigest() == digest.removesuffix(".x"), name
                case ["releases", _, ".manifest"]:
                    self.tally.releases += 1
                case _:
                    assert not isinstance(entry, bytes), f"{name} was left behind"
        assert "lock" not in rig.place.tree()

    def _sizes(self) -> list[int]:
        return [self._random.choice([0, 1, 700, 4096, 30_000, 120_000]) for _ in range(_POOL)]

    def _release(self) -> list[BoardFile]:
        """One fresh model, and some of the contents that have been there before, under various names."""
        chosen = self._random.sample(self._pool, self._random.randint(1, _POOL - 1))
        model = self._file(self._random.randbytes(self._random.randint(1, 400_000)))
        names = [
            (model, "models/eat.img"),
            *((p, f"resource/{n} {p.name}.wav") for n, p in enumerate(chosen)),
        ]
        return [BoardFile(source=source, name=PurePosixPath(name)) for source, name in names]

    def _file(self, data: bytes) -> Path:
        self._number += 1
        path = self._folder / f"{self._number:06d}"
        path.write_bytes(data)
        return path


def soak(folder: Path, *, pushes: int, seed: int) -> Tally:
    """Build the boards, push, compare. Raises AssertionError."""
    with contextlib.ExitStack() as stack:
        rigs = []
        for name in MAIN:
            (folder / name).mkdir()
            rigs.append(stack.enter_context(built(folder / name, RIGS[name])))
        (folder / "files").mkdir()
        return Soak(rigs, folder / "files", seed).run(pushes)


def main() -> int:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pushes", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for kind in (RIGS[name] for name in MAIN):
        if reason := missing(kind):
            print(reason, file=sys.stderr)
            return 2
    with tempfile.TemporaryDirectory() as folder:
        tally = soak(Path(folder), pushes=args.pushes, seed=args.seed)
    value = tally.__dict__ | {"faults": dict(tally.faults), "ends": dict(tally.ends)}
    print(json.dumps(value | {"seconds": round(tally.seconds, 1)}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
