//! Write a dstream provider in Rust: traits, host loop, checkpoints, logging.
