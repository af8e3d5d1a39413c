"""Parts of bench/pictures/kilnsim_arms.py: the collection, the synthetic pictures, the trainings, the table."""
