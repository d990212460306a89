"""What can this machine run? Driver, libraries, backend, versions, the memory plan."""
