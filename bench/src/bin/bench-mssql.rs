//! A client of SQL Server for the benchmarks: `bench-mssql CONNECTION …`
//!
//! - `fill ROWS`: a captured table with rows of about 200 bytes, 1,000 changes a transaction
//! - `run SQL`
//! - `read`: the driver reads every change and drops it: the alternative to the input
//! - `raw`: every change as bytes of a socket that are thrown away: how fast the server is by itself

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use futures_util::TryStreamExt as _;
use tiberius::{Client, Config, EncryptionLevel};
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

type Failure = Box<dyn std::error::Error>;

const CHANGES: &str = "SELECT * FROM cdc.dbo_t_CT WHERE __$start_lsn >= 0x00000000000000000001 \
    ORDER BY __$start_lsn, __$command_id, __$seqval, __$operation";

const TABLE: &str = "IF OBJECT_ID(N'dbo.t') IS NULL BEGIN EXEC sys.sp_cdc_enable_db; \
    CREATE TABLE dbo.t (id bigint PRIMARY KEY, a varchar(150), b int, c datetime2(7), d decimal(18,4)); \
    EXEC sys.sp_cdc_enable_table N'dbo', N't', @role_name = NULL; \
    CREATE TABLE dbo.cdc_offsets (table_name nvarchar(255) NOT NULL PRIMARY KEY, last_lsn varbinary(10) NULL, \
    last_seq varbinary(10) NULL, updated_at datetime NOT NULL DEFAULT GETDATE()) END";

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match words[..] {
        [connection, "fill", rows] => runtime.block_on(fill(connection, rows.parse()?)),
        [connection, "run", sql] => runtime.block_on(run(connection, sql)),
        [connection, "read"] => runtime.block_on(read(connection)),
        [connection, "raw"] => raw(connection),
        _ => Err("bench-mssql CONNECTION fill ROWS | run SQL | read | raw".into()),
    }
}

fn config(connection: &str) -> Result<Config, Failure> {
    let mut config = Config::from_ado_string(connection)?;
    config.encryption(EncryptionLevel::NotSupported);
    Ok(config)
}

async fn connect(connection: &str) -> Result<Client<Compat<tokio::net::TcpStream>>, Failure> {
    let config = config(connection)?;
    let socket = tokio::net::TcpStream::connect(config.get_addr()).await?;
    socket.set_nodelay(true)?;
    Ok(Client::connect(config, socket.compat_write()).await?)
}

async fn run(connection: &str, sql: &str) -> Result<(), Failure> {
    connect(connection).await?.simple_query(sql).await?.into_results().await?;
    Ok(())
}

async fn fill(connection: &str, rows: usize) -> Result<(), Failure> {
    let mut client = connect(connection).await?;
    client.simple_query(TABLE).await?.into_results().await?;
    let there = client.simple_query("SELECT COUNT(*) FROM dbo.t").await?.into_row().await?;
    let there: i32 = there.and_then(|row| row.get(0)).unwrap_or_default();
    for from in (usize::try_from(there)?..rows).step_by(1000) {
        let sql = format!(
            "INSERT dbo.t SELECT value, REPLICATE('x', 150), 7, '2024-01-01', 12.5 \
             FROM GENERATE_SERIES(CAST({from} AS bigint), CAST({} AS bigint))",
            from + 999
        );
        client.simple_query(sql).await?.into_results().await?;
    }
    Ok(())
}

async fn read(connection: &str) -> Result<(), Failure> {
    let mut client = connect(connection).await?;
    let mut stream = client.simple_query(CHANGES).await?.into_row_stream();
    let mut rows = 0_usize;
    while stream.try_next().await?.is_some() {
        rows += 1;
    }
    Ok(writeln!(std::io::stdout(), "{rows}")?)
}

/// Logs in by hand, and looks at nothing but the headers of packets ([MS-TDS] 2.2.3, 2.2.6.4).
fn raw(connection: &str) -> Result<(), Failure> {
    let mut socket = TcpStream::connect(config(connection)?.get_addr())?;
    let packet = |kind: u8, body: &[u8]| -> Result<Vec<u8>, Failure> {
        let len = u16::try_from(body.len() + 8)?.to_be_bytes();
        Ok([&[kind, 1, len[0], len[1], 0, 0, 1, 0], body].concat())
    };
    socket.write_all(&packet(0x12, &[1, 0, 6, 0, 1, 0xFF, 2])?)?;
    drain(&mut socket)?;
    socket.write_all(&packet(0x10, &login()?)?)?;
    drain(&mut socket)?;
    let headers = 4_u32.to_le_bytes();
    socket.write_all(&packet(0x01, &[&headers, utf16(CHANGES).as_slice()].concat())?)?;
    drain(&mut socket)
}

/// As the simulator's administrator, whose password is known.
fn login() -> Result<Vec<u8>, Failure> {
    let password: Vec<u8> =
        utf16("Passw0rd!").into_iter().map(|byte| byte.rotate_left(4) ^ 0xA5).collect();
    let mut login = vec![0_u8; 94];
    login[8..12].copy_from_slice(&32_000_u32.to_le_bytes());
    let texts: [(usize, Vec<u8>, u16); 3] =
        [(40, utf16("sa"), 2), (44, password, 9), (68, utf16("sim"), 3)];
    for (at, text, chars) in texts {
        let offset = u16::try_from(login.len())?;
        login[at..at + 2].copy_from_slice(&offset.to_le_bytes());
        login[at + 2..at + 4].copy_from_slice(&chars.to_le_bytes());
        login.extend(text);
    }
    Ok(login)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Reads to the end of a message.
fn drain(socket: &mut TcpStream) -> Result<(), Failure> {
    let mut reader = std::io::BufReader::with_capacity(1 << 20, socket);
    let mut body = vec![0; 65_536];
    loop {
        let mut header = [0; 8];
        reader.read_exact(&mut header)?;
        let len = usize::from(u16::from_be_bytes([header[2], header[3]])).saturating_sub(8);
        reader.read_exact(&mut body[..len])?;
        if header[1] & 1 == 1 {
            return Ok(());
        }
    }
}
