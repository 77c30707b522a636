//! Operations beside `run`. Reading by query needs nothing on the server.

use dstream_sdk::{LifecycleReport, Resource, Result, StreamSchema};

use super::sources::{self, Source};
use crate::config::Config;
use crate::setup::server::{self, Server};

/// Connects and looks at everything that would be read.
pub(crate) async fn check(config: Config) -> Result<String> {
    let (server, sources) = look(&config).await?;
    Ok(format!("PostgreSQL {}, by query, streams: {}", server.version_text(), sources.len()))
}

/// The schemas of what would be read.
pub(crate) async fn discover(config: Config) -> Result<Vec<StreamSchema>> {
    let (_, sources) = look(&config).await?;
    Ok(sources.into_iter().map(|source| source.table.schema).collect())
}

/// What is read and what that guarantees. For plan, init, status and destroy alike: there is
/// nothing to make and nothing to remove.
pub(crate) async fn report(config: Config) -> Result<LifecycleReport> {
    let (_, sources) = look(&config).await?;
    let resource = |source: &Source| {
        Resource::new("read", source.table.stream(), "none").detail(guarantee(source))
    };
    let mut report = LifecycleReport::ok();
    for source in &sources {
        report = report.with(resource(source));
    }
    Ok(report)
}

fn guarantee(source: &Source) -> String {
    let order = source.table.order().join(", ");
    match (source.select.incremental, order.is_empty()) {
        (true, _) => format!(
            "incremental, in the order of {order}: deletes, states between two runs, and rows that are committed late with a \
             smaller cursor are not seen"
        ),
        (false, true) => "all rows in one snapshot, in one piece: without a key it begins anew when it is interrupted".into(),
        (false, false) => format!(
            "all rows in one snapshot, in the order of {order}; when it is interrupted the rest is read in a later snapshot, \
             which is exact where the table did not change"
        ),
    }
}

async fn look(config: &Config) -> Result<(Server, Vec<Source>)> {
    config.check()?;
    let target = config.connection.target()?;
    let mut wire = server::connect(&target).await?;
    let server = Server::look(&mut wire).await?;
    server.require_encoding()?;
    let sources = sources::find(&mut wire, &target, config).await?;
    Ok((server, sources))
}
