"""Other people's formats: a run of ours written for their tools."""
