"""`saggar data`: bring photographs in, look at them, split and export them."""
