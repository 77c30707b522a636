//! What each kind of provider may write to its stdout, and what the host does with it.

mod input;
mod legacy;
mod transform;

pub(crate) use input::{Claims, InputRules};
pub(crate) use legacy::LegacyRules;
pub(crate) use transform::TransformRules;

use dstream_protocol::Control;

use crate::failure::{Failure, FailureKind};
use crate::handshake::quote;
use crate::hub::{Hub, Index};

/// Reads a control line of a version-2 provider.
pub(super) fn read(hub: &Hub, seat: Index, line: &[u8]) -> Result<Control, Failure> {
    Control::read(line).map_err(|error| {
        let reason = match dstream_protocol::classify(line) {
            dstream_protocol::LineKind::Unknown => "there is no control line of that name".into(),
            _ => hub.mask.apply(&error.to_string()),
        };
        let message = format!(
            "it wrote a control line that cannot be read: {reason}: {}",
            quote(line, &hub.mask)
        );
        hub.seats[seat].failure(FailureKind::Protocol, message)
    })
}

/// A control line that a provider of this role has no business to write.
pub(super) fn misplaced(hub: &Hub, seat: Index, line: &[u8]) -> Failure {
    let who = &hub.seats[seat];
    let message =
        format!("it wrote a control line that no {} writes: {}", who.role, quote(line, &hub.mask));
    who.failure(FailureKind::Protocol, message)
}

/// A line after `@end`.
pub(super) fn after_end(hub: &Hub, seat: Index) -> Failure {
    hub.seats[seat].failure(FailureKind::Protocol, "it wrote more lines after `@end`")
}

/// Refuses an `@end` with envelopes before it that no checkpoint covers: no output could ever say
/// that they are durable.
pub(super) fn uncovered(hub: &Hub, seat: Index, lines: u64) -> Result<(), Failure> {
    if lines == 0 {
        return Ok(());
    }
    let message = format!("it ended its stream with {lines} envelopes after its last checkpoint");
    Err(hub.seats[seat].failure(FailureKind::Protocol, message))
}
