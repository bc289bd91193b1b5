"""Anything that holds ticks, as a stream of checked batches in time order."""
