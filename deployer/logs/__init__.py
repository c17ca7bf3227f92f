"""What board programs print, on whatever terminal it was caught: cleaned, parsed, and told in words."""
