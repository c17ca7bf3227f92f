"""Many boards: which there are, which are meant, and one piece of work on all of them at once."""
