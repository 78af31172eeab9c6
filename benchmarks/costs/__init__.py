"""CPU of single steps and of the processes beside a worker."""
