"""The serving side of a call: the server, what every call passes, its threads, and long work behind a stream."""
