//! The keys of an issuer as they are known now, and when they are fetched again.

use std::sync::{Arc, Mutex, PoisonError};

use http::Uri;

use crate::{
    Denied,
    fetch::Fetcher,
    jwt::Jwt,
    keys::{Algorithm, KeySet},
    refusal::Reason,
};

/// The least time between two fetches, in seconds: whatever `kid`s strangers make up, the issuer is asked once in it.
const WINDOW: i64 = 60;
/// The same while there is no key at all, when every caller is answered 503.
const WINDOW_WITHOUT_KEYS: i64 = 5;

/// Starts from the pinned keys, if there are any, and keeps the last good set: only a set with a usable key replaces it.
#[derive(Debug)]
pub struct Keyring {
    source: Option<Uri>,
    keys: Mutex<Option<Arc<KeySet>>>,
    /// The time of the last fetch, in Unix seconds. Whoever fetches holds the lock; the others wait, and find what it brought.
    last_fetch: tokio::sync::Mutex<Option<i64>>,
}

impl Keyring {
    pub fn new(pinned: Option<KeySet>, source: Option<Uri>) -> Self {
        Self { source, keys: Mutex::new(pinned.map(Arc::new)), last_fetch: tokio::sync::Mutex::default() }
    }

    /// Verifies a token's signature. If no known key is the one it asks for, the issuer may have a new one: its keys are
    /// fetched, at most once per window.
    pub async fn verify(
        &self,
        jwt: &Jwt<'_>,
        algorithm: Algorithm,
        fetcher: &Fetcher,
        now: i64,
    ) -> Result<(), Denied> {
        let known = self.known();
        let verdict = known.as_ref().map(|keys| keys.verify(jwt, algorithm));
        let may_be_new = match verdict {
            Some(Ok(())) => return Ok(()),
            None | Some(Err(Reason::UnknownKey)) => true,
            // Without a `kid`, the right key may be missing among those that were tried.
            Some(Err(Reason::BadSignature)) => jwt.kid.is_none(),
            Some(Err(_)) => false,
        };
        if may_be_new && let Some(source) = &self.source {
            self.refresh(source, fetcher, now).await;
        }
        match (self.known(), verdict) {
            (None, _) => Err(Denied::WithoutKeys),
            (Some(latest), Some(Err(reason))) if is_same(Some(&latest), known.as_ref()) => {
                Err(Denied::Refused(reason))
            }
            (Some(latest), _) => latest.verify(jwt, algorithm).map_err(Denied::Refused),
        }
    }

    async fn refresh(&self, source: &Uri, fetcher: &Fetcher, now: i64) {
        let mut last_fetch = self.last_fetch.lock().await;
        let window = if self.known().is_some() { WINDOW } else { WINDOW_WITHOUT_KEYS };
        // A clock that was set back must not stop fetches.
        if last_fetch.is_some_and(|last| (last..last + window).contains(&now)) {
            return;
        }
        *last_fetch = Some(now);
        match fetcher.key_set(source).await {
            Ok(keys) => {
                tracing::info!("fetched the keys of an issuer");
                *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keys));
            }
            Err(error) => {
                let cause = runtime::error_chain(&error);
                tracing::warn!(cause, "the keys of an issuer cannot be fetched");
            }
        }
    }

    fn known(&self) -> Option<Arc<KeySet>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn is_same(one: Option<&Arc<KeySet>>, other: Option<&Arc<KeySet>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}
