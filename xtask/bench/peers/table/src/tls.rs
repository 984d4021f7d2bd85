//! TLS in front of the table, with a certificate of its own authority. dynoxide serves plain TCP only, so each connection is
//! passed on to its port.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;

/// The file of the authority's certificate.
pub const AUTHORITY: &str = "ca.pem";

/// Makes an authority and a certificate for `localhost`, and writes the authority's into the folder.
pub fn acceptor(folder: &Path) -> Result<TlsAcceptor> {
    let authority = authority()?;
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let file = folder.join(AUTHORITY);
    fs::write(&file, authority.pem()).with_context(|| format!("{} cannot be written", file.display()))?;
    let key = KeyPair::generate().context("no key can be made")?;
    let mut of_server = CertificateParams::new(["localhost".to_owned()])?;
    // OpenSSL's strict checks ask for it.
    of_server.use_authority_key_identifier_extension = true;
    let certificate = of_server.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "the benchmark's table");
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// Accepts connections, and passes on what they carry to the plain port.
pub async fn serve(listener: TcpListener, acceptor: TlsAcceptor, http: SocketAddr) {
    while let Ok((connection, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            match acceptor.accept(connection).await {
                // Its end is no news: a function whose start was measured is killed with its connection open.
                Ok(connection) => drop(pass_on(connection, http).await),
                Err(error) => eprintln!("a TLS connection was not made: {error}"),
            }
        });
    }
}

async fn pass_on(mut connection: TlsStream<TcpStream>, http: SocketAddr) -> std::io::Result<()> {
    let mut plain = TcpStream::connect(http).await?;
    plain.set_nodelay(true)?;
    copy_bidirectional(&mut connection, &mut plain).await?;
    Ok(())
}
