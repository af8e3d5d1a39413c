"""Generated from protos/inference by `make proto`; its messages are in a descriptor pool of their own."""
