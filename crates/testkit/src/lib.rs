//! Test a dstream provider: a host to run it under, and the conformance suite.
