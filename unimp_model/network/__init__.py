"""The network of section 2.2, read in one sitting."""
