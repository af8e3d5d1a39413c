"""A stand-in of each worker service: real gRPC, real objects in the store, no torch."""
