"""An experiment handed over to a repository of research data, as an RO-Crate. Door: `crate.write_crate`."""
