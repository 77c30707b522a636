//! The simulator as tiberius meets it.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod bulk;
mod capture;
mod connect;
mod control;
mod locks;
mod statements;
mod types;

use dstream_mssql_sim::{MssqlSim, Options};
use tiberius::{Client, Config, QueryItem};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

type Sql = Client<Compat<TcpStream>>;

fn sim() -> MssqlSim {
    MssqlSim::start(Options::default()).unwrap()
}

/// With CDC on the database, and on the tables of `ddl` (`dbo.t`) with their names.
fn with_cdc(ddl: &str, tables: &[&str]) -> MssqlSim {
    let sim = sim();
    sim.execute("EXEC sys.sp_cdc_enable_db").unwrap();
    sim.execute(ddl).unwrap();
    for table in tables {
        sim.execute(&format!("EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = N'{table}', @role_name = NULL")).unwrap();
    }
    sim
}

async fn connect_with(config: Config) -> Result<Sql, tiberius::error::Error> {
    let tcp = TcpStream::connect(config.get_addr()).await?;
    tcp.set_nodelay(true)?;
    Client::connect(config, tcp.compat_write()).await
}

async fn connect(sim: &MssqlSim) -> Sql {
    connect_with(Config::from_ado_string(&sim.connection_string()).unwrap()).await.unwrap()
}

/// The code of the error, or what came instead.
fn code<T>(result: Result<T, tiberius::error::Error>) -> Option<u32> {
    match result {
        Ok(_) => None,
        Err(error) => Some(error.code().unwrap_or_else(|| panic!("{error}"))),
    }
}

/// Sends a batch and reads everything.
async fn run(
    client: &mut Sql,
    text: &str,
) -> Result<Vec<Vec<tiberius::Row>>, tiberius::error::Error> {
    client.simple_query(text).await?.into_results().await
}

/// The rows of one result set, each value as the simulator's own text.
fn texts(sim: &MssqlSim, text: &str) -> Vec<Vec<String>> {
    sim.rows(text).unwrap()
}

fn is_row(item: &QueryItem) -> bool {
    matches!(item, QueryItem::Row(_))
}
