"""Files as such, whatever they hold: written whole, read as YAML or CSV, worked on in threads."""
