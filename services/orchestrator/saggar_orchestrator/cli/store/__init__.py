"""`saggar store`: the objects that all work is kept in."""
