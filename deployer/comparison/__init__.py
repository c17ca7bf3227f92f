"""`compare-sim`: stages run over clips, their outputs kept, and held against each other."""
