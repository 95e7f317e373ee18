"""The bridge to real modules: captures of what a module answers, and the virtual module held against them."""
