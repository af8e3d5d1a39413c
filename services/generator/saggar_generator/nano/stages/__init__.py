"""The two trainings of nano: of its autoencoder, then of its denoiser."""
