//! Asks the server for its log from a place on.

use dstream_mysql::mysql_async::prelude::Queryable;
use dstream_mysql::mysql_async::{BinlogStream, BinlogStreamRequest, Conn, GnoInterval, Sid};
use dstream_mysql::{Server, error};
use dstream_sdk::{Error, Result};

use crate::config::{Config, Resume};
use crate::errors;
use crate::gtid::{MysqlGtids, uuid_text};
use crate::state::LogState;

/// Begins the stream behind `from`. `follow`: otherwise it ends at the log's end.
pub(crate) async fn begin(
    config: &Config,
    server: &Server,
    server_id: u32,
    from: &LogState,
) -> Result<BinlogStream> {
    let mut conn = dstream_mysql::connect(&config.connection).await?;
    let beat = config.heartbeat_interval.as_nanos().min(4_294_967_000_000_000);
    // The second of each pair is what MySQL calls it since 8.0.26.
    for sql in [
        format!("SET @master_heartbeat_period = {beat}, @source_heartbeat_period = {beat}"),
        // MySQL tells clients apart by this, and lets a second one of the same name replace the first.
        format!("SET @slave_uuid = '{0}', @replica_uuid = '{0}'", uuid_of(server_id)),
    ] {
        conn.query_drop(sql).await.map_err(error)?;
    }
    let by_gtid = by_gtid(config, from)?;
    if server.is_mariadb() {
        // 4: the client knows GTID events.
        conn.query_drop("SET @mariadb_slave_capability = 4").await.map_err(error)?;
    }
    let request = BinlogStreamRequest::new(server_id);
    let (file, offset) = (from.position.file.as_bytes(), from.position.offset);
    let stream = match (by_gtid, server.is_mariadb()) {
        (Some(gtids), true) => mariadb(conn, gtids, request).await,
        (Some(gtids), false) => mysql(conn, gtids, request).await?,
        (None, _) => conn.get_binlog_stream(request.with_filename(file).with_pos(offset)).await,
    };
    stream.map_err(|e| errors::explain(e, server_id))
}

fn by_gtid<'s>(config: &Config, from: &'s LogState) -> Result<Option<&'s str>> {
    match (config.position, from.gtid.as_deref()) {
        (Resume::File, _) => Ok(None),
        (Resume::Gtid, None) => Err(Error::config(
            "position",
            "`position` is \"gtid\", and the server had no GTIDs where the checkpoint stands: turn \
             them on (MySQL: gtid_mode=ON), or set `position = \"file\"`",
        )),
        (_, gtid) => Ok(gtid),
    }
}

async fn mariadb(
    mut conn: Conn,
    gtids: &str,
    request: BinlogStreamRequest<'_>,
) -> dstream_mysql::mysql_async::Result<BinlogStream> {
    let state = dstream_mysql::literal(gtids);
    conn.query_drop(format!("SET @slave_connect_state = {state}")).await?;
    conn.query_drop("SET @slave_gtid_strict_mode = 0, @slave_gtid_ignore_duplicates = 0").await?;
    conn.get_binlog_stream(request).await
}

async fn mysql(
    conn: Conn,
    gtids: &str,
    request: BinlogStreamRequest<'_>,
) -> Result<dstream_mysql::mysql_async::Result<BinlogStream>> {
    let set = MysqlGtids::read(gtids).ok_or_else(|| {
        Error::permanent(format!(
            "the GTIDs `{gtids}` have tags, which are not supported: set `position = \"file\"`"
        ))
    })?;
    let sids = set.iter().map(|(uuid, intervals)| {
        // The driver's intervals end behind their last.
        let intervals = intervals.iter().map(|(first, last)| GnoInterval::new(*first, last + 1));
        Sid::new(*uuid).with_intervals(intervals.collect())
    });
    let request = request.with_gtid().with_gtid_set(sids.collect::<Vec<_>>());
    Ok(conn.get_binlog_stream(request).await)
}

fn uuid_of(server_id: u32) -> String {
    let mut bytes = *b"dstream\0\0\0\0\0\0\0\0\0";
    bytes[12..].copy_from_slice(&server_id.to_be_bytes());
    uuid_text(&bytes)
}
