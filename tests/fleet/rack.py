"""A rack of simulated boards, and a project whose board program is a shell script: quick to push and to run."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from deployer.board.config import BoardConfig, as_data
from tests.boards.servers import Place, simulated

CLIPS = ("1-137-A-32_22.05k.wav", "1-977-A-39_22.05k.wav")
SCRIPT = """#!/bin/sh
echo "inputs: $2"
echo "model path: $4"
echo "found 1 images!"
echo "the input image: ./$2"
echo "model invoke time: 57.121000 ms"
echo "post process time: 0.181000 ms"
echo "class id: $(cat answer 2>/dev/null || echo 32)"
"""


@contextlib.contextmanager
def rack(count: int) -> Iterator[list[Place]]:
    """So many simulated boards, called b00, b01, ..."""
    with contextlib.ExitStack() as stack:
        places = []
        for number in range(count):
            place = stack.enter_context(simulated())
            config = place.config.replace(name=f"b{number:02}")
            places.append(Place(config=config, files=place.files, sim=place.sim))
        yield places


@contextlib.contextmanager
def silent() -> Iterator[BoardConfig]:
    """A board that takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []
        stop = threading.Event()

        def take() -> None:
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    taken.append(server.accept()[0])

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield BoardConfig(
            name="silent", host="127.0.0.1", own_port=server.getsockname()[1], connect_timeout_s=3
        )
        stop.set()
        with socket.create_connection(server.getsockname()):
            thread.join(5)
        for sock in taken:
            sock.close()


def project(folder: Path, boards: list[BoardConfig], **settings: Any) -> Path:
    """A deploy.yaml for these boards, a ready-made image, two clips and the script; gives its path."""
    (folder / "prog.sh").write_text(SCRIPT)
    (folder / "eat.img").write_bytes(b"an image of the vendor's" * 1000)
    (folder / "clips").mkdir()
    for clip in CLIPS:
        soundfile.write(folder / "clips" / clip, np.zeros(22050, np.float32), 22050, subtype="PCM_16")
    given = ("host", "port", "key", "connect_timeout_s")
    document = {
        "boards": {board.name: {key: as_data(board)[key] for key in given} for board in boards},
        "model": {"image": "eat.img"},
        "program": "prog.sh",
        "audio": {"clips": "clips"},
        **settings,
    }
    path = folder / "deploy.yaml"
    path.write_text(json.dumps(document))  # JSON is YAML
    return path
