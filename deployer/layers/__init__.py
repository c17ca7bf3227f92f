"""Where accuracy is lost: two stages of a model compared layer by layer."""
