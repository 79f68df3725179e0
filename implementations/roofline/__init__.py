"""What each framework can do on this machine: peak arithmetic, bandwidth and cost of a step."""
