"""What the figures of the documentation come from: seeded corpora, peers, and the comparison of whole processes."""
