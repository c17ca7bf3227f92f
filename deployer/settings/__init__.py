"""`deploy.yaml`: what it may say, and what is said where it is wrong."""
