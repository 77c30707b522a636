//! The event that says which file comes next.

use dstream_mysql::mysql_async::binlog::events::Event;

use super::bytes::little;

/// The file, and the place in it.
pub(crate) fn read(event: &Event) -> (String, u64) {
    let body = without_checksum(event);
    let (offset, file) = body.split_at(body.len().min(8));
    (String::from_utf8_lossy(file).into_owned(), little(offset))
}

/// The first rotate event comes before the one that says whether events have checksums, so the
/// driver leaves it there.
fn without_checksum(event: &Event) -> &[u8] {
    let (header, body) = (event.header(), event.data());
    let Some((rest, checksum)) = body.split_last_chunk::<4>() else { return body };
    let mut crc = crc32fast::Hasher::new();
    crc.update(&header.timestamp().to_le_bytes());
    crc.update(&[header.event_type_raw()]);
    crc.update(&header.server_id().to_le_bytes());
    crc.update(&header.event_size().to_le_bytes());
    crc.update(&header.log_pos().to_le_bytes());
    crc.update(&header.flags_raw().to_le_bytes());
    crc.update(rest);
    if crc.finalize().to_le_bytes() == *checksum { rest } else { body }
}
