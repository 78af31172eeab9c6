"""Where figures go: JSON and pictures in docs/performance/, and the page that is made of them."""
