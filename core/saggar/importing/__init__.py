"""How files become a data set: photographs and labels in, a manifest and a report of refusals out."""
