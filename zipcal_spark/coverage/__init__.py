"""The selection for coverage: partition-local proposals, the proof on the driver, and the loop between them."""
