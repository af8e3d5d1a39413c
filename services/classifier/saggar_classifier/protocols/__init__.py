"""Protocols beside the contract: the standard inference protocol, version 2."""
