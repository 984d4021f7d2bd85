//! Signs with keys of KMS, which never leave it.

use aws_sdk_kms::{
    Client,
    primitives::Blob,
    types::{MessageType, SigningAlgorithmSpec},
};
use seal::{Note, VerifierKey};

use crate::error::Error;

/// The keys that sign: one or, while one takes over from another, both.
#[derive(Debug, Clone)]
pub struct Signer {
    client: Client,
    keys: Vec<(String, VerifierKey)>,
}

impl Signer {
    /// Fetches the public keys, which are given the log's name.
    pub async fn load(client: Client, key_ids: &[String], origin: &str) -> Result<Self, Error> {
        let mut keys = Vec::new();
        for id in key_ids {
            let key = client.get_public_key().key_id(id).send().await;
            let key = key.map_err(|err| Error::aws("fetching the public key")(&err))?;
            let der = key.public_key.unwrap_or_else(|| Blob::new([]));
            let key = VerifierKey::from_der(origin, der.as_ref())
                .map_err(|err| Error::Untrusted(format!("the key {id} cannot sign: {err}")))?;
            keys.push((id.clone(), key));
        }
        Ok(Self { client, keys })
    }

    #[must_use]
    pub fn keys(&self) -> Vec<VerifierKey> {
        self.keys.iter().map(|(_, key)| key.clone()).collect()
    }

    /// Signs a text with every key. A signature is checked before it is used, since what is stored cannot be replaced.
    pub async fn sign(&self, text: String) -> Result<Note, Error> {
        let mut note = Note::new(text);
        for (id, key) in &self.keys {
            let sign = self.client.sign().key_id(id).message(Blob::new(note.text.as_bytes()));
            // Plain Ed25519 over the message itself ("Sign"): RAW and at most 4,096 bytes.
            let sign = sign.message_type(MessageType::Raw);
            let signed = sign.signing_algorithm(SigningAlgorithmSpec::Ed25519Sha512).send().await;
            let signed = signed.map_err(|err| Error::aws("signing")(&err))?;
            let signature = signed.signature.unwrap_or_else(|| Blob::new([]));
            if !key.verifies(&note.text, signature.as_ref()) {
                return Err(Error::Untrusted(format!("the signature by the key {id} does not verify")));
            }
            note.add_signature(key, signature.as_ref());
        }
        Ok(note)
    }
}
