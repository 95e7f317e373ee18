"""From IP packets of a host behind the module to the virtual internet."""
