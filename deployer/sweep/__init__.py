"""One model at several batch sizes: `measure` on this host, `ascend` by the second vendor's tools."""
