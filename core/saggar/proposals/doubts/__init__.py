"""Labels that may be wrong: the table in which people decide about them, and the data set with what they decided."""
