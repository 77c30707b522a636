//! A connection for SQL: `tokio-postgres` over our own streams.

use std::ops::{Deref, DerefMut};

use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, NoTls};

use crate::error::Result;
use crate::stream::{self, Stream};
use crate::target::Target;

/// A [`tokio_postgres::Client`] whose connection runs in a task of its own, which ends with it.
///
/// Notices and warnings of the server are logged.
#[derive(Debug)]
pub struct Client {
    client: tokio_postgres::Client,
    task: JoinHandle<()>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// Where no host can be reached, or the login is refused.
    pub async fn connect(target: &Target) -> Result<Self> {
        stream::connect(target, async |stream| login(target, stream).await).await
    }
}

async fn login(target: &Target, stream: Stream) -> Result<Client> {
    let mut config = tokio_postgres::Config::new();
    config.user(&target.user).dbname(&target.database);
    config.application_name(&target.application_name).options(target.session_options());
    if let Some(password) = &target.password {
        config.password(password.expose());
    }
    // The stream is encrypted already where it should be.
    config.ssl_mode(SslMode::Disable);
    let (client, mut connection) = config.connect_raw(stream, NoTls).await?;
    let task = tokio::spawn(async move {
        while let Some(message) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            match message {
                Ok(AsyncMessage::Notice(notice)) => {
                    tracing::info!("PostgreSQL: {}: {}", notice.severity(), notice.message());
                }
                Ok(_) => {}
                // The call that waits for an answer is told as well.
                Err(error) => return tracing::debug!(%error, "the connection ended"),
            }
        }
    });
    Ok(Client { client, task })
}

impl Deref for Client {
    type Target = tokio_postgres::Client;

    fn deref(&self) -> &Self::Target {
        &self.client
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.client
    }
}

impl Drop for Client {
    /// The server rolls back what is open.
    fn drop(&mut self) {
        self.task.abort();
    }
}
