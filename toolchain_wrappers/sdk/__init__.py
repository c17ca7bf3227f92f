"""The vendor's board SDK as documented: paths, commands, configuration, failures. Runs nothing."""
