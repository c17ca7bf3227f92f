"""What runs on the board, and the numerics that every simulated stage shares."""
