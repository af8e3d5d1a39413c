"""Proposals as tables for people and catalogue systems, as LIDO and as Linked Art."""
