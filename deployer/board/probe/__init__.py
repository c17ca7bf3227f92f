"""What a board says of itself: one command, a parser of its answer, and what is remembered until it reboots."""
