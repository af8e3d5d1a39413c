"""The stages of an experiment, each with its title, its inputs and its work, and their order: `order.stages_of`."""
