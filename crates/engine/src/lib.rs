//! Starts, supervises and connects the providers of a task, and keeps its checkpoint.
