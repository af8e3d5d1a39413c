"""Calls to the other services: with patience, in shards, and the messages that they take."""
