//! What the server says when it will not send its log, and what to do about it.

use dstream_mysql::mysql_async::{Error as Driver, ServerError};
use dstream_sdk::{Error, ErrorKind};

/// An error of the stream.
pub(crate) fn explain(error: Driver, server_id: u32) -> Error {
    match error {
        Driver::Server(server) => of_server(&server, server_id),
        other => dstream_mysql::error(other).context("reading the binary log"),
    }
}

fn of_server(error: &ServerError, server_id: u32) -> Error {
    let says = dstream_mysql::server_error(error);
    let text = error.message.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let permanent = |what: String| Error::permanent(format!("{what}. The server says: {says}"));
    if has(&["same server_uuid", "same server_id", "server_uuid/server_id"]) {
        return permanent(format!(
            "another client reads the log as server_id {server_id}, and the server allows one: end \
             it, or set `server_id` to a number that no other replica has"
        ));
    }
    if has(&["max_allowed_packet", "log event entry exceeded"]) {
        return permanent(
            "an event is larger than the server sends: raise max_allowed_packet in the server"
                .into(),
        );
    }
    if has(&["not open", "binary log is not"]) {
        return permanent("the server writes no binary log: set log_bin and start it again".into());
    }
    if error.code == 1236 && has(&["gtid"]) && !has(&["purged"]) {
        return permanent(
            "the server does not know the transactions that were read last: its log was reset, it \
             is another server, or one that was behind when it took over. Compare `dstream state \
             show` with the server's GTIDs; `dstream state rm` begins anew with a snapshot (so does \
             snapshot = \"when_needed\")"
                .into(),
        );
    }
    if error.code == 1236 {
        return permanent(
            "the log that is needed has been removed, so changes are lost: keep it for longer \
             (binlog_expire_logs_seconds), and begin anew with a snapshot: `dstream state rm`, or \
             snapshot = \"when_needed\""
                .into(),
        );
    }
    match (says.kind(), error.code) {
        (ErrorKind::Auth, _) => says.context(
            "the user may not read the binary log: GRANT REPLICATION SLAVE ON *.* TO the user",
        ),
        (_, 1927 | 1317) => says.context(format!(
            "the server ended the stream; if that happens again and again, another client reads \
             the log as server_id {server_id} (`server_id` sets another)"
        )),
        _ => says.context("reading the binary log"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: u16, message: &str) -> Error {
        let error = ServerError { code, message: message.into(), state: "HY000".into() };
        explain(Driver::Server(error), 7)
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        for (code, message, wanted) in [
            (1236, "Could not find first log file name in binary log index file", "removed"),
            (1236, "A slave with the same server_uuid/server_id as this slave", "server_id 7"),
            (
                1236,
                "Error: connecting slave requested to start from GTID 0-1-9, which is not in the master's binlog",
                "does not know",
            ),
            (
                1236,
                "the master has purged binary logs containing GTIDs that the slave requires",
                "removed",
            ),
            (1236, "log event entry exceeded max_allowed_packet", "max_allowed_packet"),
            (
                1227,
                "Access denied; you need (at least one of) the REPLICATION SLAVE",
                "GRANT REPLICATION SLAVE",
            ),
        ] {
            let error = of(code, message);
            assert!(error.to_string().contains(wanted), "{error}");
            assert!(error.to_string().contains(message), "{error}");
            assert!(!error.kind().is_transient(), "{error}");
        }
        assert!(of(1927, "Connection was killed").kind().is_transient());
    }
}
