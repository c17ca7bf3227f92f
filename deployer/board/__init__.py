"""Boards: what we ask of them (`base`), and how we reach them (`ssh`)."""
