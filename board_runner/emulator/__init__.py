"""Boards made here from Debian's packages: BusyBox and dropbear as in the field, no binary in this repository."""
