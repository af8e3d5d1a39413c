"""What catalogue text says about one attribute: form, glaze, kiln or period."""
