//! The seals of the audit log in their bucket: every object with all its versions.

use std::collections::VecDeque;

use aws_sdk_s3::Client;
use seal::{
    Checkpoint, Minute, Note,
    bundle::{FOLDERS, Kind, kind},
};
use tokio::task::JoinSet;

use crate::{
    account::error::AwsError,
    cli::failure::Failure,
    terminal::{clock::Millis, layout::count, screen::Progress},
};

/// How many objects are read at the same time.
const TOGETHER: usize = 16;

/// The bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub client: Client,
    pub name: String,
}

/// A version of an object: 1 for the oldest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Version {
    pub key: String,
    pub number: u32,
    /// S3's id of the version; none for a delete marker.
    pub id: Option<String>,
}

/// A version as S3 lists it.
#[derive(Debug)]
struct Found {
    key: String,
    at: Option<Millis>,
    id: Option<String>,
}

/// All versions in the bucket.
#[derive(Debug, Default)]
pub struct Listing {
    pub versions: Vec<Version>,
    /// The numbers of the checkpoints, in order.
    pub checkpoints: Vec<u64>,
    /// Names among the seals that no notary gives.
    pub strangers: Vec<String>,
}

impl Bucket {
    /// Lists every version of every object.
    pub async fn list(&self, progress: &mut Progress) -> Result<Listing, Failure> {
        let mut found: Vec<Found> = Vec::new();
        let mut pages = self.client.list_object_versions().bucket(&self.name);
        loop {
            let page = pages.clone().send().await.map_err(|error| self.stop(&AwsError::from(error)))?;
            for version in page.versions() {
                let at = version.last_modified().and_then(|at| at.to_millis().ok());
                found.push(Found { key: text(version.key()), at, id: Some(text(version.version_id())) });
            }
            for marker in page.delete_markers() {
                let at = marker.last_modified().and_then(|at| at.to_millis().ok());
                found.push(Found { key: text(marker.key()), at, id: None });
            }
            progress.show(&format!("listed {} of {}", count(found.len(), "object"), self.name));
            if page.is_truncated() != Some(true) {
                return Ok(Listing::of(found));
            }
            pages = pages
                .set_key_marker(page.next_key_marker().map(str::to_owned))
                .set_version_id_marker(page.next_version_id_marker().map(str::to_owned));
        }
    }

    /// Reads a version.
    pub async fn read(&self, version: &Version) -> Result<Option<Vec<u8>>, Failure> {
        let Some(id) = &version.id else { return Ok(None) };
        let object =
            self.client.get_object().bucket(&self.name).key(&version.key).version_id(id).send().await;
        let object = object.map_err(|error| self.stop(&AwsError::from(error)))?;
        let content = object.body.collect().await;
        let broken = |error| Failure::failed(format!("reading {} of {}: {error}", version.key, self.name));
        Ok(Some(content.map_err(broken)?.to_vec()))
    }

    /// Reads versions, some at a time, and hands them over in the order they were asked for.
    pub async fn read_all(
        &self,
        versions: &[Version],
        mut take: impl FnMut(&Version, Option<&[u8]>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for some in versions.chunks(TOGETHER) {
            let mut reads = JoinSet::new();
            for (at, version) in some.iter().cloned().enumerate() {
                let bucket = self.clone();
                reads.spawn(async move { (at, bucket.read(&version).await) });
            }
            let mut contents: VecDeque<_> = reads.join_all().await.into();
            contents.make_contiguous().sort_by_key(|(at, _)| *at);
            for (version, (_, content)) in some.iter().zip(contents) {
                take(version, content?.as_deref())?;
            }
        }
        Ok(())
    }

    /// Finds the place of the first checkpoint that ends with this minute or later. Their minutes go up, so that some steps suffice.
    /// One that cannot be read counts as earlier.
    pub async fn reaching(&self, listing: &Listing, minute: Minute) -> Result<usize, Failure> {
        let (mut low, mut high) = (0, listing.checkpoints.len());
        while low < high {
            let middle = low.midpoint(high);
            let to = self.checkpoint(listing, middle).await?.map(|checkpoint| checkpoint.to);
            if to.is_some_and(|to| to >= minute) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(low)
    }

    /// Reads the checkpoint in a place; `None` if it is not there or is none.
    pub async fn checkpoint(&self, listing: &Listing, place: usize) -> Result<Option<Checkpoint>, Failure> {
        let Some(number) = listing.checkpoints.get(place) else { return Ok(None) };
        let key = Checkpoint::key(*number);
        let Some(version) = listing.versions.iter().find(|version| version.key == key) else {
            return Ok(None);
        };
        let content = self.read(version).await?.unwrap_or_default();
        let parsed = Note::parse(&content).and_then(|note| Checkpoint::parse(&note.text));
        Ok(parsed.ok())
    }

    fn stop(&self, error: &AwsError) -> Failure {
        error.stop(&format!("reading the seals in the bucket {}", self.name))
    }
}

impl Listing {
    fn of(mut found: Vec<Found>) -> Self {
        // Oldest first; S3 lists the newest first, which counts where the times are equal. Markers come in a list of their own: of the
        // same second, one deleted what was there.
        found.reverse();
        let order = |found: &Found| (found.at, found.id.is_none());
        found.sort_by(|one, other| (&one.key, order(one)).cmp(&(&other.key, order(other))));
        let mut listing = Self::default();
        for Found { key, id, .. } in found {
            let Some(kind) = kind(&key) else {
                if FOLDERS.iter().any(|folder| key.split('/').next() == Some(folder)) {
                    listing.strangers.push(key);
                }
                continue;
            };
            let before = listing.versions.last().filter(|before| before.key == key);
            let number = before.map_or(1, |before| before.number + 1);
            if let (Kind::Checkpoint(place), 1) = (kind, number) {
                listing.checkpoints.push(place);
            }
            listing.versions.push(Version { key, number, id });
        }
        listing
    }

    /// Returns the objects of these numbers, and the keys.
    pub fn between(&self, first: u64, last: u64) -> Vec<Version> {
        let wanted = |version: &&Version| match kind(&version.key) {
            Some(Kind::Checkpoint(number) | Kind::Manifest(number)) => (first..=last).contains(&number),
            Some(Kind::Key) => true,
            None => false,
        };
        self.versions.iter().filter(wanted).cloned().collect()
    }
}

fn text(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use seal::{Checkpoint, Manifest};

    use super::{Found, Listing, Version};

    fn found(key: &str, at: i64, id: Option<&str>) -> Found {
        Found { key: key.to_owned(), at: Some(at), id: id.map(str::to_owned) }
    }

    #[test]
    fn versions_are_numbered_from_the_oldest_and_a_marker_is_one_of_them() {
        let (first, second, third) = (Checkpoint::key(1), Manifest::key(2), Manifest::key(3));
        let listing = Listing::of(vec![
            found(&first, 30, Some("newest")),
            found(&first, 10, Some("second")),
            found(&first, 10, Some("oldest")),
            found("manifests/1.json", 5, Some("x")),
            found("other", 5, Some("x")),
            found(&second, 10, Some("only")),
            found(&first, 20, None),
            found(&third, 10, Some("kept")),
            found(&third, 10, None),
        ]);
        let version = |key: &str, number, id: Option<&str>| Version {
            key: key.to_owned(),
            number,
            id: id.map(str::to_owned),
        };
        let expected = [
            version(&first, 1, Some("oldest")),
            version(&first, 2, Some("second")),
            version(&first, 3, None),
            version(&first, 4, Some("newest")),
            version(&second, 1, Some("only")),
            version(&third, 1, Some("kept")),
            version(&third, 2, None),
        ];
        assert_eq!(listing.versions, expected);
        assert_eq!((listing.strangers, listing.checkpoints), (vec!["manifests/1.json".to_owned()], vec![1]));
    }
}
