"""Images that photographs take part in: as a start, or as the form that is followed."""
