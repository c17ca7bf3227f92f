"""What is wrong with this machine, and what a supporter asks for first."""
