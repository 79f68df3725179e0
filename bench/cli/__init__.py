"""The command line: the only package that reads text from the user and prints."""
