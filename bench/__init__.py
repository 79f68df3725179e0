"""Measure one softmax classifier in every framework, after showing that all compute the same."""
