"""Converting with a vendor's tools: what is laid out for them, how they are run, what is taken from them."""
