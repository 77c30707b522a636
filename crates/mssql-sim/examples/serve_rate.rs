//! How fast the simulator serves a change table to a client that drops the rows:
//! `cargo run --release -p dstream-mssql-sim --example serve_rate -- 1000000`.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use dstream_mssql_sim::{Encryption, MssqlSim, Options};
use futures_util::TryStreamExt as _;
use tiberius::{Client, Config, EncryptionLevel};
use tokio_util::compat::TokioAsyncWriteCompatExt as _;

const QUERY: &str = "SELECT * FROM cdc.dbo_t_CT WHERE __$start_lsn >= 0x00000000000000000001 ORDER BY __$start_lsn, __$command_id, __$seqval, __$operation";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows: usize = std::env::args().nth(1).map_or(Ok(1_000_000), |n| n.parse())?;
    let sim = MssqlSim::start(Options { encryption: Encryption::None, ..Options::default() })?;
    let begun = Instant::now();
    fill(&sim, rows)?;
    report("filled", rows, begun.elapsed())?;
    // Three connections at once would measure the client: one socket, bytes dropped as they come.
    let begun = Instant::now();
    let bytes = raw(&sim)?;
    report("raw rows, dropped by a socket", rows, begun.elapsed())?;
    writeln!(
        std::io::stdout(),
        "{} MB on the wire, {} bytes a row",
        bytes / 1_000_000,
        bytes / rows as u64
    )?;
    let begun = Instant::now();
    let read = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(tiberius_reads(&sim))?;
    report("read and dropped by tiberius", read, begun.elapsed())
}

/// 200 bytes a row, 1,000 changes a transaction.
fn fill(sim: &MssqlSim, rows: usize) -> Result<(), Box<dyn std::error::Error>> {
    sim.execute("CREATE TABLE dbo.t (id bigint PRIMARY KEY, a varchar(150), b int, c datetime2(7), d decimal(18,4)); EXEC sys.sp_cdc_enable_db; EXEC sys.sp_cdc_enable_table 'dbo', 't', @role_name = NULL")?;
    for from in (0..rows).step_by(1000) {
        sim.execute(&format!("INSERT dbo.t SELECT value, REPLICATE('x', 150), 7, '2024-01-01', 12.5 FROM GENERATE_SERIES(CAST({from} AS bigint), CAST({} AS bigint))", from + 999))?;
    }
    Ok(())
}

fn report(what: &str, rows: usize, took: Duration) -> Result<(), Box<dyn std::error::Error>> {
    Ok(writeln!(
        std::io::stdout(),
        "{what}: {rows} rows in {took:.2?}, {:.0} rows/s",
        rows as f64 / took.as_secs_f64()
    )?)
}

/// A client that logs in and throws away what it gets: no parsing but the packets' headers.
fn raw(sim: &MssqlSim) -> Result<u64, Box<dyn std::error::Error>> {
    let mut socket = std::net::TcpStream::connect(sim.address())?;
    let packet = |kind: u8, body: &[u8]| {
        let len = (body.len() as u16 + 8).to_be_bytes();
        [&[kind, 1, len[0], len[1], 0, 0, 1, 0], body].concat()
    };
    socket.write_all(&packet(0x12, &[1, 0, 6, 0, 1, 0xFF, 2]))?;
    drain(&mut socket)?;
    let password: Vec<u8> = "Passw0rd!"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .map(|b| b.rotate_left(4) ^ 0xA5)
        .collect();
    let mut login = vec![0_u8; 94];
    login[8..12].copy_from_slice(&32_000_u32.to_le_bytes());
    let texts: [(usize, Vec<u8>, u16); 3] =
        [(40, utf16("sa"), 2), (44, password, 9), (68, utf16("sim"), 3)];
    for (at, text, chars) in texts {
        let offset = login.len() as u16;
        login[at..at + 2].copy_from_slice(&offset.to_le_bytes());
        login[at + 2..at + 4].copy_from_slice(&chars.to_le_bytes());
        login.extend(text);
    }
    socket.write_all(&packet(0x10, &login))?;
    drain(&mut socket)?;
    socket.write_all(&packet(0x01, &[&4_u32.to_le_bytes(), utf16(QUERY).as_slice()].concat()))?;
    drain(&mut socket)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Reads to the end of a message.
fn drain(socket: &mut std::net::TcpStream) -> Result<u64, Box<dyn std::error::Error>> {
    let mut reader = std::io::BufReader::with_capacity(1 << 20, socket);
    let mut body = vec![0; 65_536];
    let mut all = 0;
    loop {
        let mut header = [0; 8];
        reader.read_exact(&mut header)?;
        let len = usize::from(u16::from_be_bytes([header[2], header[3]])) - 8;
        reader.read_exact(&mut body[..len])?;
        all += len as u64 + 8;
        if header[1] & 1 == 1 {
            return Ok(all);
        }
    }
}

async fn tiberius_reads(sim: &MssqlSim) -> Result<usize, Box<dyn std::error::Error>> {
    let mut config = Config::from_ado_string(&sim.connection_string())?;
    config.encryption(EncryptionLevel::NotSupported);
    let tcp = tokio::net::TcpStream::connect(config.get_addr()).await?;
    let mut client = Client::connect(config, tcp.compat_write()).await?;
    let mut stream = client.simple_query(QUERY).await?.into_row_stream();
    let mut rows = 0;
    while stream.try_next().await?.is_some() {
        rows += 1;
    }
    Ok(rows)
}
