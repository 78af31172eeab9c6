"""Tools of the project itself: its installation, lock, site and changelog. No process of a deployment imports them."""
