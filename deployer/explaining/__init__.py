"""`deploy explain`: why a board answers otherwise than the simulator; a check a module."""
