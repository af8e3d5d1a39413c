"""One training by several processes, one a GPU: `launch` for the service that starts them, `member` for each of them.

What they say to each other, tensors, is their own business: nothing here knows torch.
"""
