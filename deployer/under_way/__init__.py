"""What a command that takes long tells other processes: one small file each, for as long as it runs."""
