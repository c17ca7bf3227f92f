"""A program on the board: started under guard, and what is asked of the board when it gave no result."""
