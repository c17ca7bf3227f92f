"""What the `ssh` program is told, and what its log says: text in, records out, nothing is run here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deployer.board.access import hostkeys, passwords
from deployer.board.access.ssh_config import Route
from deployer.board.config import BoardConfig

OLD_ALGORITHMS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "key exchange method": (
        "KexAlgorithms",
        ("diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1", "diffie-hellman-group1-sha1"),
    ),
    "host key type": ("HostKeyAlgorithms", ("ssh-rsa", "ssh-dss")),
    "cipher": ("Ciphers", ("aes256-cbc", "aes128-cbc", "3des-cbc")),
    "MAC": ("MACs", ("hmac-sha1", "hmac-sha1-96", "hmac-md5")),
}
"""What `ssh` still knows but does not offer: its word for the kind -> its option, and the best of them first."""

_SIGNATURES = "PubkeyAcceptedAlgorithms"
_SHA1_SIGNATURES = "ssh-rsa,ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"
"""RSA by SHA-1 alone: servers that know no other may say they do, and `ssh` would take the newer."""

_RSA_REFUSED = re.compile(r"no mutual signature algorithm|Offering public key: .* RSA SHA256:")
_NO_MATCH = re.compile(r"no matching (.+?) found\. Their offer: (\S+)")
_DENIED = re.compile(r"Permission denied \(([^)]*)\)")
_FORWARD = re.compile(r"^channel \d+: open failed: (.+)$", re.MULTILINE)
_GREETING = re.compile(r"remote software version (.+)")
_SHOWN_KEY = re.compile(r"Server host key: (\S+) (SHA256:\S+)")
_WINDOW = re.compile(r"open confirm rwindow (\d+)(?:.*?rcvd adjust (\d+))?", re.DOTALL)
_STATUS = re.compile(r"Received exit status from master (\d+)")


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """The private directory of one connection."""

    folder: Path

    @property
    def control(self) -> Path:
        """The socket on which the connection takes commands."""
        return self.folder / "c"

    @property
    def known_hosts(self) -> Path:
        """What is known of the hosts on the way, and what `ssh` learns."""
        return self.folder / "known_hosts"

    def log(self, hop: int) -> Path:
        """What `ssh` says of one hop; 0 is the board."""
        return self.folder / f"log{hop}"


def master(route: Route, place: Workplace, options: Mapping[str, str], known: str = "") -> list[str]:
    """The arguments of the program that holds the connection; `known` is the text of its known_hosts."""
    hold = ["-M", "-N", "-S", str(place.control), "-o", "ControlPersist=no"]
    return ["ssh", *hold, *_way(route, place, options, known, hop=0), "--", route.alias]


def client(place: Workplace, log: Path, command: str) -> list[str]:
    """The arguments of the program that runs one command over it, and never over a connection of its own."""
    over = ["-F", "none", "-S", str(place.control), "-o", "ControlMaster=no", "-o", "ProxyCommand=false"]
    return ["ssh", *over, "-T", "-vv", "-E", str(log), "--", "board", command]


def _way(route: Route, place: Workplace, options: Mapping[str, str], known: str, *, hop: int) -> list[str]:
    config = route.config
    name = hostkeys.entry_name(config)
    first_contact = all(line.split()[0] != name for line in known.splitlines())
    # `accept-new` would also take a new kind of key of a host that is known by another
    checking = {"strict": "yes", "tofu": "accept-new" if first_contact else "yes", "off": "no"}[
        config.host_key
    ]
    user_config = Path.home() / ".ssh/config"
    told = {
        "HostName": config.host,
        "Port": str(config.port),
        "User": config.user,
        "HostKeyAlias": name,
        "StrictHostKeyChecking": checking,
        "UserKnownHostsFile": "/dev/null" if config.host_key == "off" else str(place.known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "HashKnownHosts": "no",
        "UpdateHostKeys": "no",
        "CheckHostIP": "no",
        "ConnectTimeout": str(max(1, round(config.connect_timeout_s))),
        "ServerAliveInterval": "5",
        "ServerAliveCountMax": "4",
        "NumberOfPasswordPrompts": "1",
        "PreferredAuthentications": "publickey,password,keyboard-interactive",
        # whoever asks on the way would be answered with the board's password
        "BatchMode": "no" if hop == 0 and passwords.source(config) else "yes",
        "ForwardAgent": "no",
        "ClearAllForwardings": "yes",
        "PermitLocalCommand": "no",
        "RemoteCommand": "none",
        "RequestTTY": "no",
        "IdentitiesOnly": "yes" if route.keys_only else "no",
        **_proxy(route, place, known, hop=hop),
        **options,
    }
    words = [
        "-F",
        str(user_config) if user_config.is_file() else "none",
        "-T",
        "-vv",
        "-E",
        str(place.log(hop)),
    ]
    for path in route.keys:
        words += ["-i", str(path)]
    if not route.keys:
        words += ["-o", "IdentityFile=none"]
    for option, value in told.items():
        words += ["-o", f"{option}={value}"]
    return words


def _proxy(route: Route, place: Workplace, known: str, *, hop: int) -> dict[str, str]:
    """The nearest jump host's own `ssh`, which gets there over the one before it."""
    if not route.through:
        return {"ProxyCommand": route.proxy_command.replace("%", "%%") if route.proxy_command else "none"}
    *before, last = route.through
    last = replace(last, through=tuple(before))
    host = f"[{route.config.host}]" if ":" in route.config.host else route.config.host
    forward = ["-W", f"{host}:{route.config.port}"]
    argv = ["ssh", *_way(last, place, {}, known, hop=hop + 1), *forward, "--", last.alias]
    return {"ProxyCommand": shlex.join(argv).replace("%", "%%")}


def remembered_keys(routes: Sequence[Route], folder: Path) -> str:
    """A known_hosts of what is known of the hosts on the way."""
    lines = [
        f"{hostkeys.entry_name(route.config)} {kind} {key}\n"
        for route in routes
        for kind, key in hostkeys.known_keys(route.config, folder).items()
    ]
    return "".join(lines)


def still_needed(log: str, options: Mapping[str, str]) -> dict[str, str]:
    """What of old algorithms may help where `ssh` failed; nothing where that was not it.

    An RSA key that was refused is signed with SHA-1 only for a server that has shown itself to be that old.
    """
    found = _NO_MATCH.search(log)
    if found is not None:
        option, known = OLD_ALGORITHMS.get(found[1], ("", ()))
        usable = [name for name in known if name in found[2].split(",")]
        return {option: "+" + ",".join(usable)} if usable and option not in options else {}
    old = "ssh-rsa" in options.get("HostKeyAlgorithms", "") or "no mutual signature algorithm" in log
    refused = _DENIED.search(log) is not None and _RSA_REFUSED.search(log) is not None
    return {_SIGNATURES: _SHA1_SIGNATURES} if old and refused and _SIGNATURES not in options else {}


def allowed(log: str) -> str | None:
    """What the server that refused the log-in would have taken; None where it did not refuse."""
    found = _DENIED.search(log)
    if found is None:
        return "publickey" if "Too many authentication failures" in log else None
    return found[1].replace(",", ", ")


def forward_failure(log: str) -> str | None:
    """Why a jump host could not connect to what is behind it; None where it could."""
    found = _FORWARD.search(log)
    return found[1].strip() if found else None


def shown_key(log: str) -> str | None:
    """The fingerprint of the host key the server has shown."""
    found = _SHOWN_KEY.search(log)
    return found[2] if found else None


def greeting(log: str) -> str | None:
    """The server's greeting."""
    found = _GREETING.search(log)
    return f"SSH-2.0-{found[1].strip()}" if found else None


def window_bytes(log: str) -> int | None:
    """What the server takes on a channel; OpenSSH opens with 0 and gives it when the command runs."""
    found = _WINDOW.search(log)
    if found is None:
        return None
    return int(found[1]) or (int(found[2]) if found[2] else None)


def exit_status(log: str) -> int | None:
    """The status of the remote command, None where the server told none."""
    found = _STATUS.search(log)
    return int(found[1]) if found else None


def last_words(log: str) -> str:
    """The last line that is no debugging."""
    lines = [line.strip() for line in log.splitlines() if line.strip() and not line.startswith("debug")]
    lines = [line for line in lines if not line.startswith(("OpenSSH_", "Warning: Permanently added"))]
    return lines[-1] if lines else "no reason given"


def tried(config: BoardConfig, route: Route) -> str:
    """What was tried, in words."""
    words = ["no credentials"]
    words += [f"key {config.key}"] if config.key else [f"key {path}" for path in route.keys]
    source = passwords.source(config)
    return ", ".join([*words, *([source] if source else [])])
