//! Limits and times that both sides assume where nothing else is said.

use std::time::Duration;

/// The longest line that is accepted, its newline not counted: 16 MiB. A task can set another.
pub const MAX_LINE_BYTES: usize = 16 << 20;

/// What an output's or transform's line may be longer than [`MAX_LINE_BYTES`]: a `@rejected` line
/// holds a whole envelope and the error beside it.
pub const MAX_LINE_HEADROOM_BYTES: usize = 64 << 10;

/// How long a provider may take from its start to `ready`.
pub const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a provider may take to end after it was asked to, before it is killed.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an output may leave a checkpoint uncommitted.
pub const COMMIT_WITHIN: Duration = Duration::from_secs(1);

/// How long `describe` may take.
pub const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the answer to `describe` may be: 1 MiB.
pub const DESCRIBE_MAX_BYTES: usize = 1 << 20;
