"""A bench that can be trusted: the loop on the board, what it tells, and what its numbers are worth."""
