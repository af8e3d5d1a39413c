"""The services that commands work with: found, started for a while, run in the foreground, examined."""
