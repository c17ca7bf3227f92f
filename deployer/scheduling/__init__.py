"""Where large work runs: here, in threads, in processes, on a Dask cluster, and on boards beside its workers."""
