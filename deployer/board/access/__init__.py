"""The way in: addresses, keys, passwords, host keys, and what is remembered of a board."""
