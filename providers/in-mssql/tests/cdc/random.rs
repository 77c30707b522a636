//! Random transactions, restarts, page sizes: applied to an empty copy they give the source.
