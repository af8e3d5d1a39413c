"""How files become a data set: photographs and labels in, a manifest and a report of every refused row out."""
