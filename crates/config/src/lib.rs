//! dstream's task files: HCL in, tasks and spans out.
