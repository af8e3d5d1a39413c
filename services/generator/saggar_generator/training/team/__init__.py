"""One adapter trained by several processes, one a GPU."""
