"""Look sooner at what sells fast."""
