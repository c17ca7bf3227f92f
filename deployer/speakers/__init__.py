"""Embedding models judged by their speakers: `deploy speakers`."""
