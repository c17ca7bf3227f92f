"""`deploy eval`: a model over a data set, by its own metric, stage against stage; nothing is computed twice."""
