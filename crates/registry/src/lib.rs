//! From a provider reference to a program on this machine.
