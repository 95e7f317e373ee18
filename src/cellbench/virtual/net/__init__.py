"""The virtual internet between the modules and the servers."""
