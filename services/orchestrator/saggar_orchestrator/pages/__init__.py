"""Pages for people: the report, its plots, the description of a data set, advice."""
