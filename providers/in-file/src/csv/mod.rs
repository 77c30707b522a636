//! CSV by RFC 4180: records out of bytes, types out of a sample, JSON out of records.

pub(crate) mod infer;
pub(crate) mod record;
pub(crate) mod row;
pub(crate) mod time;
pub(crate) mod value;
