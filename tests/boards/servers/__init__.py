"""Real boards to test against: simulated ones, and servers started for the test alone."""

from tests.boards.servers.loopback import SSHD, SSHD_KINDS, free_port, openssh, sshd_missing
from tests.boards.servers.place import Place
from tests.boards.servers.real import (
    CLOCK_1970,
    REAL_KINDS,
    SFTP_ONLY,
    Kind,
    kind_missing,
    listening,
    real,
    reboot,
)
from tests.boards.servers.sim import PASSWORD, PASSWORD_VARIABLE, SIM_KINDS, simulated

__all__ = [
    "CLOCK_1970",
    "PASSWORD",
    "PASSWORD_VARIABLE",
    "REAL_KINDS",
    "SFTP_ONLY",
    "SIM_KINDS",
    "SSHD",
    "SSHD_KINDS",
    "Kind",
    "Place",
    "free_port",
    "kind_missing",
    "listening",
    "openssh",
    "real",
    "reboot",
    "simulated",
    "sshd_missing",
]
