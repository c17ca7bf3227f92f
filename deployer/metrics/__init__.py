"""Figures of merit: how well scores tell same from different. numpy alone."""
