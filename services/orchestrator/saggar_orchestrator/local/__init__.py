"""The services on this machine: a home folder, and a supervisor of child processes."""
