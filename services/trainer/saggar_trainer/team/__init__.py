"""One training by several processes, one a GPU: `launch` for the service, `process` what each of them runs."""
