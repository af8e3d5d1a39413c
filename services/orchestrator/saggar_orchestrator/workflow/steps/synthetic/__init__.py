"""The steps that make synthetic images: aimed, planned, generated, judged, and topped up."""
