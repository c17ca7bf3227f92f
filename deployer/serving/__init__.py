"""`deploy serve`: the history and what runs now as pages of this machine. Everything here reads, nothing writes."""
