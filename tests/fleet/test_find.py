"""Looking for SSH servers: a bounded range, a connect, the greeting, and not a byte sent."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from board_runner.errors import UsageError
from deployer.events import ignore
from deployer.fleet.find import addresses, find


@pytest.mark.parametrize(
    ("text", "count", "first", "last"),
    [
        ("10.0.0.7", 1, "10.0.0.7", "10.0.0.7"),
        ("10.0.0.0/24", 254, "10.0.0.1", "10.0.0.254"),
        ("10.0.0.77/24", 254, "10.0.0.1", "10.0.0.254"),
        ("10.0.0.4/31", 2, "10.0.0.4", "10.0.0.5"),
        ("10.0.0.4/32", 1, "10.0.0.4", "10.0.0.4"),
        ("10.0.0.250 - 252", 3, "10.0.0.250", "10.0.0.252"),
        ("10.0.0.250-10.0.1.3", 10, "10.0.0.250", "10.0.1.3"),
        ("10.0.0.0/22", 1022, "10.0.0.1", "10.0.3.254"),
    ],
)
def test_a_range_is_the_hosts_it_holds(text: str, count: int, first: str, last: str) -> None:
    """A network's own address and its broadcast address are no hosts."""
    hosts = addresses(text)

    assert (count, first, last) == (len(hosts), hosts[0], hosts[-1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10.0.0.0/8", "16777214 addresses; at most 1024"),
        ("0.0.0.0-255.255.255.255", "4294967296 addresses"),
        ("10.0.0.9-3", "comes before"),
        ("lab", "not a range"),
        ("10.0.0.1-999", "not a range"),
        ("fe80::/64", "not a range"),
        ("", "not a range"),
    ],
)
def test_what_is_no_small_range_is_refused(text: str, words: str) -> None:
    """A slip of the finger does not scan a company."""
    with pytest.raises(UsageError, match=words):
        addresses(text)


def test_nothing_is_sent_and_only_ssh_servers_count() -> None:
    """One greets after other lines, one is a web server that waits, one closes, one says something else."""
    received = b""
    greetings = {
        "127.9.0.1": b"welcome\r\nSSH-2.0-dropbear_2022.83\r\n",
        "127.9.0.2": None,
        "127.9.0.3": b"",
        "127.9.0.4": b"220 mail\r\n\r\n",
    }
    first, *others = greetings
    servers = {first: socket.create_server((first, 0))}
    port = servers[first].getsockname()[1]
    servers |= {host: socket.create_server((host, port)) for host in others}

    def serve(host: str) -> None:
        nonlocal received
        sock, _ = servers[host].accept()
        with sock:
            greeting = greetings[host]
            if greeting is not None:
                sock.sendall(greeting)
            if greeting != b"":
                sock.settimeout(5)
                received += sock.recv(100)

    threads = [threading.Thread(target=serve, args=(host,), daemon=True) for host in servers]
    for thread in threads:
        thread.start()
    started = time.monotonic()
    found = find(addresses("127.9.0.0-9"), port=port, timeout_s=0.5, emit=ignore)
    elapsed_s = time.monotonic() - started
    for thread in threads:
        thread.join(5)
    for server in servers.values():
        server.close()

    assert [("127.9.0.1", "SSH-2.0-dropbear_2022.83")] == [(item.host, item.greeting) for item in found]
    assert b"" == received
    assert elapsed_s < 3
