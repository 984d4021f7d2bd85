//! The certificate authorities that the functions trust.

use std::{fmt, fs};

use aws_smithy_http_client::tls::TrustStore;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use webpki::anchor_from_trusted_cert;

use crate::settings::{Error, optional};

/// The roots of AWS's certificates: the five that "Amazon Trust Services Repository" recommends for a trust store of one's own.
///
/// Embedded, because loading the system's takes 18 million instructions at each start, of the 20 million that a start took. They end
/// in 2037 and later; a test tells when the list has changed.
const AMAZON: &str = include_str!("amazon-roots.pem");

/// Names the file of the authorities to trust instead, as it does for the other SDKs and the AWS CLI: behind a proxy or an endpoint
/// with certificates of one's own, and in partitions whose roots are others.
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// Returns the authorities in the file that `AWS_CA_BUNDLE` names, or Amazon's.
pub(crate) fn function_roots() -> Result<TrustStore, Error> {
    let pem = match optional(CA_BUNDLE)?.filter(|path| !path.is_empty()) {
        Some(path) => read(&path)?,
        None => AMAZON.into(),
    };
    Ok(TrustStore::empty().with_pem_certificate(pem))
}

fn read(path: &str) -> Result<Vec<u8>, Error> {
    let pem = fs::read(path).map_err(|error| format!("{CA_BUNDLE} names {path}: {error}"))?;
    let mut roots = CertificateDer::pem_slice_iter(&pem).peekable();
    if roots.peek().is_none() {
        return Err(format!("{CA_BUNDLE} names {path}, which has no certificate in PEM").into());
    }
    // The SDK would panic at its first call.
    for root in roots {
        let damaged = |error: &dyn fmt::Display| {
            format!("{CA_BUNDLE} names {path}, in which a certificate is damaged: {error}")
        };
        anchor_from_trusted_cert(&root.map_err(|error| damaged(&error))?).map_err(|error| damaged(&error))?;
    }
    Ok(pem)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use rustls_pki_types::{CertificateDer, pem::PemObject as _};
    use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

    use super::{AMAZON, read};

    fn is_amazons(certificate: &[u8]) -> bool {
        let has = |text: &str| certificate.windows(text.len()).any(|part| part == text.as_bytes());
        has("Amazon Root CA") || has("Starfield Services Root Certificate Authority - G2")
    }

    #[test]
    fn the_embedded_roots_are_all_of_amazons_that_browsers_trust() {
        let embedded = CertificateDer::pem_slice_iter(AMAZON.as_bytes()).map(|root| root.unwrap().to_vec());
        let trusted = TLS_SERVER_ROOT_CERTS.iter().map(|root| root.to_vec());
        let amazons: BTreeSet<_> = trusted.filter(|root| is_amazons(root)).collect();
        assert_eq!(amazons.len(), 5);
        assert!(embedded.collect::<BTreeSet<_>>() == amazons, "the roots changed: renew amazon-roots.pem");
    }

    #[test]
    fn a_bundle_that_is_missing_damaged_or_no_pem_is_named() {
        let missing = read("no/such.pem").unwrap_err().to_string();
        assert!(missing.starts_with("AWS_CA_BUNDLE names no/such.pem: "), "{missing}");
        let file = std::env::temp_dir().join(format!("bundle-{}.pem", std::process::id()));
        fs::write(&file, "hello").unwrap();
        let text = read(file.to_str().unwrap()).unwrap_err().to_string();
        fs::write(&file, AMAZON.replace("-----BEGIN", " -----BEGIN")).unwrap();
        let unread = read(file.to_str().unwrap());
        fs::write(&file, [b"\xe9\n", AMAZON.as_bytes()].concat()).unwrap();
        let latin = read(file.to_str().unwrap());
        let damaged = ["M*I", "AII"].map(|begin| {
            fs::write(&file, AMAZON.replacen("MII", begin, 1)).unwrap();
            read(file.to_str().unwrap()).unwrap_err().to_string()
        });
        fs::write(&file, AMAZON).unwrap();
        let whole = read(file.to_str().unwrap());
        fs::remove_file(&file).unwrap();
        assert!(text.ends_with("which has no certificate in PEM"), "{text}");
        assert!(
            damaged.iter().all(|text| text.contains("in which a certificate is damaged: ")),
            "{damaged:?}"
        );
        assert!(unread.is_err(), "a bundle of which nothing would be trusted");
        assert!(whole.is_ok() && latin.is_ok());
    }
}
