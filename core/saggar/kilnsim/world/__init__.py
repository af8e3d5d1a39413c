"""The *world* domain's renderer, frozen: nano was trained on its pictures, byte for byte.

nano's training.json holds their hash, and a test the hash of some of them. A change here needs another
training of nano. Nothing in here knows of the collection's renderer (`saggar.kilnsim.museum`).
"""
