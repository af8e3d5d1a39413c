"""The review in a browser: sign-in, the image to judge, what was judged, and the port that serves them (`server`)."""
