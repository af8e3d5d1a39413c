"""The command line `saggar`. Nothing heavy is imported before a command needs it."""
