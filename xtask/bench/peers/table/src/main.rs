//! DynamoDB for the benchmark: dynoxide, in memory, as a process that ends when its standard input does.
//!
//! `table [--tls-dir DIR]` prints one line of JSON, `{"http": ADDRESS, "https": ADDRESS or null, "ca": PATH or null}`.

mod tls;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{env, io, process, thread};

use anyhow::{Context, Result, bail};
use dynoxide::Database;
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let folder = tls_folder()?;
    let database = Database::memory().context("the database cannot be made")?;
    let (plain, http) = listen()?;
    let (https, authority) = match &folder {
        Some(folder) => (Some(start_tls(folder, http)?), Some(folder.join(tls::AUTHORITY))),
        None => (None, None),
    };
    println!("{}", json!({"http": http.to_string(), "https": https, "ca": authority}));
    thread::spawn(end_with_standard_input);
    dynoxide::server::serve_on(plain, database).await;
    Ok(())
}

fn tls_folder() -> Result<Option<PathBuf>> {
    let mut arguments = env::args_os().skip(1);
    match (arguments.next(), arguments.next(), arguments.next()) {
        (None, ..) => Ok(None),
        (Some(option), Some(folder), None) if option == "--tls-dir" => Ok(Some(folder.into())),
        _ => bail!("usage: table [--tls-dir DIR]"),
    }
}

/// Listens on a free port. Accepted connections inherit that small writes are sent at once, which dynoxide does not ask for.
fn listen() -> Result<(TcpListener, SocketAddr)> {
    let socket = TcpSocket::new_v4().context("no socket can be made")?;
    socket.set_nodelay(true).context("the socket refuses TCP_NODELAY")?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).context("no port is free")?;
    let listener = socket.listen(1024).context("the port cannot be listened on")?;
    let address = listener.local_addr().context("the port has no address")?;
    Ok((listener, address))
}

/// Serves TLS too, and returns its address: by name, for which the certificate is.
fn start_tls(folder: &Path, http: SocketAddr) -> Result<String> {
    let acceptor = tls::acceptor(folder)?;
    let (listener, address) = listen()?;
    tokio::spawn(tls::serve(listener, acceptor, http));
    Ok(format!("localhost:{}", address.port()))
}

fn end_with_standard_input() {
    // An error ends it too: nobody is there any more.
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    process::exit(0);
}
