"""What speaks SSH, paramiko or the `ssh` program, behind one seam; channels and their turns."""
