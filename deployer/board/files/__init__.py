"""Bytes to and from a board: checksums, streams, several channels, single files placed whole."""
