"""The model that is served: loaded, asked, replaced."""
