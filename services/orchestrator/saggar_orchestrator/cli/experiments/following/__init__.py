"""An experiment as it goes on: its events, and how a terminal, a pipe or a program sees them."""
