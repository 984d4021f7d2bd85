//! The keys that are trusted: those of KMS, and those that an auditor brings along.

use std::{fs, path::Path};

use seal::VerifierKey;

use crate::{
    account::{clients::Aws, error::AwsError, service::Seal},
    cli::failure::Failure,
};

/// Fetches the public keys from KMS, which gives them to whoever may ask.
pub async fn of_kms(aws: &Aws, seal: &Seal) -> Result<Vec<VerifierKey>, Failure> {
    let mut keys = Vec::new();
    for id in &seal.keys {
        let key = aws.kms.get_public_key().key_id(id).send().await;
        let key = key.map_err(|error| {
            AwsError::from(error)
                .stop(&format!("fetching the public key {id}"))
                .next("or name the key that you have from elsewhere: --key KEY")
        })?;
        let der = key.public_key.map(aws_sdk_kms::primitives::Blob::into_inner).unwrap_or_default();
        let key = VerifierKey::from_der(&seal.origin, &der);
        keys.push(key.map_err(|error| Failure::failed(format!("the key {id}: {error}")))?);
    }
    Ok(keys)
}

/// Reads what stands after `--key`: a key, or a file with some.
pub fn given(words: &[String]) -> Result<Vec<VerifierKey>, Failure> {
    let mut keys = Vec::new();
    for word in words {
        match VerifierKey::parse(word) {
            Ok(key) => keys.push(key),
            Err(_) => keys.extend(of_file(Path::new(word))?),
        }
    }
    Ok(keys)
}

/// Reads a file: each line that is a key, such as those that `taskctl audit keys` prints.
fn of_file(path: &Path) -> Result<Vec<VerifierKey>, Failure> {
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("--key {}: it is no key, and no file: {error}", path.display()))
    })?;
    let keys: Vec<VerifierKey> =
        text.lines().filter_map(|line| VerifierKey::parse(line.trim()).ok()).collect();
    if keys.is_empty() {
        return Err(Failure::usage(format!("--key {}: it has no line like NAME+ID+KEY", path.display()))
            .next("taskctl audit keys prints them"));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::given;

    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn a_key_is_given_by_itself_or_in_a_file() {
        let path = std::env::temp_dir().join(format!("taskctl-key-{}", std::process::id()));
        std::fs::write(&path, format!("# ours\n{KEY}\n-----BEGIN PUBLIC KEY-----\n")).unwrap();
        let keys = given(&[KEY.to_owned(), path.to_str().unwrap().to_owned()]).unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0], keys[1]);
        std::fs::write(&path, "nothing").unwrap();
        for wrong in [path.to_str().unwrap(), "/nowhere", "x"] {
            let refused = given(&[wrong.to_owned()]).unwrap_err();
            assert!(refused.what.starts_with("--key "), "{refused}");
        }
        std::fs::remove_file(path).unwrap();
    }
}
