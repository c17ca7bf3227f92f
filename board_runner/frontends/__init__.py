"""From samples to features: framing, mel filters and the front ends made of them. numpy alone."""
