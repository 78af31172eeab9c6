"""Judge the outcomes of thousands of random answers by digests that an earlier version's code has made."""
