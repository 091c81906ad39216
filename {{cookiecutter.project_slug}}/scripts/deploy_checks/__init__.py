"""What `make deploy-check` says about deploy/: one module for each kind of file, and faults that each must find."""
