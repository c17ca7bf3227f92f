"""Vendor toolchains: their argument vectors, files, log phrases, and stand-ins of the same shape."""
