"""The taxonomies that are shipped, and the JSON Schema of their files."""
