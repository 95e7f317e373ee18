"""What `cellbench new` writes: the first files of a project that uses the installed package."""
