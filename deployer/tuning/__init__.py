"""`deploy tune`: quantisations tried, shown as a front, one chosen."""
