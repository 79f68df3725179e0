"""What each program costs: epochs, starts, predictions, memory, and growth with the problem."""
