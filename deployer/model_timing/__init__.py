"""`deploy bench --all-models`: every model and size on this host, by several engines in one run."""
