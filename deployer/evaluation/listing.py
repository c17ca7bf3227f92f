"""The clips of one evaluation with the hash of each: on disk, so that memory does not grow with the data set."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from board_runner.errors import InputError
from deployer.evaluation import scratch
from deployer.evaluation.dataset import Clip
from deployer.events import Advanced, Emit, Finished, Started

STEP = "data set"


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A clip and its key: the SHA-256 of its file, and of the window where the data set states one."""

    clip: Clip
    key: str


class Listing:
    """Clips in the data set's order; a context manager, for it lies in a temporary database.

    `clips` counts them, `distinct` those of different content; `sha256` is of all keys and truths, in order.
    """

    def __init__(
        self, clips: Iterable[Clip], *, check: Callable[[Clip], object], shared: bool = False, emit: Emit
    ) -> None:
        """Read and hash every clip; `shared` is one that other threads will iterate over.

        Raises InputError for a clip that cannot be read, for none, as `check` does.
        """
        columns = "clips (path, name, truth, fold, start_frame, line, key)"
        self._database = scratch.database(columns, shared=shared)
        digest = hashlib.sha256()
        self.clips = 0
        emit(Started(step=STEP, unit="clips"))
        for clip in clips:
            check(clip)
            key = key_of(clip)
            digest.update(f"{key} {clip.truth}\n".encode())
            row = (str(clip.path), clip.name, clip.truth, clip.fold, clip.start_frame, clip.line, key)
            self._database.execute("INSERT INTO clips VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            self.clips += 1
            emit(Advanced(step=STEP, done=self.clips, note=clip.name))
        if not self.clips:
            raise InputError(
                "the data set has no clip",
                hint="a table wants rows below its header, --fold a fold that clips have",
            )
        self._check_truths()
        self.sha256 = digest.hexdigest()
        (self.distinct,) = self._database.execute("SELECT count(DISTINCT key) FROM clips").fetchone()
        twice = f", {self.clips - self.distinct} of them again" if self.distinct < self.clips else ""
        emit(Finished(step=STEP, note=f"{self.clips} clips{twice}"))

    def __iter__(self) -> Iterator[Listed]:
        """May be begun again, and several at once."""
        for path, name, truth, fold, start, line, key in self._database.execute(
            "SELECT * FROM clips ORDER BY rowid"
        ):
            clip = Clip(path=Path(path), name=name, truth=truth, fold=fold, start_frame=start, line=line)
            yield Listed(clip=clip, key=key)

    def _check_truths(self) -> None:
        """One clip may be listed twice, but not as two things."""
        two = self._database.execute(
            "SELECT path FROM clips GROUP BY path HAVING min(truth) <> max(truth) LIMIT 1"
        ).fetchone()
        if two is None:
            return
        said = self._database.execute(
            "SELECT truth, name, min(line) FROM clips WHERE path = ? GROUP BY truth ORDER BY min(rowid) LIMIT 2",
            two,
        )
        (first, name, line), (second, _, other) = said
        where = f" in lines {line} and {other}" if line is not None else ""
        raise InputError(
            f"{name}: both {first!r} and {second!r}{where} of the data set", hint="take the wrong one out"
        )

    def __enter__(self) -> Listing:
        return self

    def __exit__(self, *exc: object) -> None:
        self._database.close()


def key_of(clip: Clip) -> str:
    """As `Listed.key`; reads the file. Raises InputError."""
    try:
        str(clip.path).encode()  # what is kept of it is text
        with clip.path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256")
    except ValueError as e:  # not UTF-8, or a zero byte, which a table can hold and no file's name
        raise InputError(
            f"{str(clip.path)!a}: a name that cannot be kept ({e})", hint="rename the file, or mend its table"
        ) from e
    except OSError as e:
        listed = f", which line {clip.line} of the table names," if clip.line is not None else ""
        raise InputError(
            f"{clip.path}{listed} cannot be read ({e.strerror or e})",
            hint="its path counts from the folder of the table or manifest: correct it, or take the clip out",
        ) from e
    if clip.start_frame is not None:
        content.update(f"@{clip.start_frame}".encode())
    return content.hexdigest()
