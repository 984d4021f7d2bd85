//! Instructions by the crate whose source they come from, inlined or not, as a profile of callgrind has them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Instructions by crate; under an empty name if crates were not asked for.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Cost(BTreeMap<String, i64>);

impl Cost {
    #[expect(clippy::cast_possible_wrap, reason = "instructions far below 2^63")]
    pub fn total(instructions: u64) -> Self {
        Self(BTreeMap::from([(String::new(), instructions as i64)]))
    }

    /// Reads a profile ("Callgrind Format Specification") without compressed names.
    pub fn by_crate(profile: &str) -> Self {
        let (mut cost, mut object, mut file) = (BTreeMap::new(), "", "");
        let mut lines = profile.lines();
        while let Some(line) = lines.next() {
            match line.split_once('=') {
                Some(("ob", name)) => object = name,
                Some(("fl" | "fi" | "fe", name)) => file = name,
                // The next line has what was spent in the callee, which has lines of its own.
                Some(("calls", _)) => drop(lines.next()),
                Some(_) => {}
                None => {
                    let Some((position, count)) = line.split_once(' ') else { continue };
                    let is_cost = position.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c));
                    let Some(count) = count.parse::<i64>().ok().filter(|_| is_cost) else { continue };
                    *cost.entry(crate_of(object, file)).or_default() += count;
                }
            }
        }
        Self(cost)
    }

    pub fn since(mut self, shorter: &Self) -> Self {
        for (name, count) in &shorter.0 {
            *self.0.entry(name.clone()).or_default() -= count;
        }
        self
    }

    #[expect(clippy::cast_possible_wrap, reason = "calls far below 2^63")]
    pub fn per(mut self, calls: usize) -> Self {
        self.0.values_mut().for_each(|count| *count /= calls as i64);
        self
    }

    pub fn instructions(&self) -> u64 {
        self.0.values().sum::<i64>().try_into().unwrap_or_default()
    }

    /// Leaves out what has less than a two-hundredth.
    pub fn large(&self) -> Self {
        let least = self.0.values().sum::<i64>() / 200;
        Self(
            self.0
                .iter()
                .filter(|(_, count)| **count > least)
                .map(|(name, count)| (name.clone(), *count))
                .collect(),
        )
    }

    /// Names the crates that grew most since another measurement, most first.
    pub fn grown(&self, before: &Self) -> Vec<(String, i64)> {
        let before = |name: &str| before.0.get(name).copied().unwrap_or_default();
        let mut grown: Vec<_> =
            self.0.iter().map(|(name, count)| (name.clone(), count - before(name))).collect();
        grown.retain(|(_, more)| *more > 0);
        grown.sort_by_key(|(_, more)| -more);
        grown
    }
}

/// Names the crate of a source file, or the library if there is no source.
fn crate_of(object: &str, file: &str) -> String {
    let after = |folder: &str| file.split_once(folder).map(|(_, rest)| rest);
    let first = |path: &str| path.split('/').next().unwrap_or_default().to_owned();
    let unversioned = |name: String| name.rsplit_once('-').map_or(name.clone(), |(name, _)| name.to_owned());
    if let Some(path) = after("/registry/src/").and_then(|path| path.split_once('/')) {
        return unversioned(first(path.1));
    }
    if let Some(path) = after("/rust/deps/") {
        return unversioned(first(path));
    }
    if let Some(path) = after("/library/") {
        return first(path);
    }
    if let Some(path) = file.strip_prefix("functions/").or(after("/functions/")) {
        return first(path);
    }
    let library = object.rsplit('/').next().unwrap_or_default();
    library.split(".so").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Cost, crate_of};

    const PROFILE: &str = "\
# callgrind format
version: 1
events: Ir
summary: 1000

ob=/r/target/release/task-api
fl=functions/task-api/src/api.rs
fn=task_api::api::route
10 100
+3 7
fi=/rustc/5980/library/core/src/str/mod.rs
20 30
fe=functions/task-api/src/api.rs
11 5
cfi=/c/registry/src/index-1/serde_json-1.0.154/src/de.rs
cfn=serde_json::from_str
calls=1 40
12 500

fl=/c/registry/src/index-1/serde_json-1.0.154/src/de.rs
fn=serde_json::from_str
40 500

ob=/lib/x86_64-linux-gnu/libc.so.6
fl=???
fn=malloc
0 60
";

    #[test]
    fn instructions_belong_to_the_crate_of_their_source() {
        let expected = [("core", 30), ("libc", 60), ("serde_json", 500), ("task-api", 112)];
        let expected = expected.map(|(name, count)| (name.to_owned(), count));
        assert_eq!(Cost::by_crate(PROFILE), Cost(BTreeMap::from(expected)));
        assert_eq!(Cost::by_crate(PROFILE).instructions(), 702);
        assert_eq!(crate_of("/t/task-api", "/rust/deps/hashbrown-0.17.1/src/map.rs"), "hashbrown");
        assert_eq!(crate_of("/t/task-api", "???"), "task-api");
    }

    #[test]
    fn the_crate_that_grew_most_comes_first() {
        let cost = |entries: &[(&str, i64)]| {
            Cost(entries.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect())
        };
        let grown = cost(&[("core", 12), ("serde", 50), ("http", 4), ("new", 3)]).grown(&cost(&[
            ("core", 10),
            ("serde", 20),
            ("http", 9),
        ]));
        let expected = [("serde", 30), ("new", 3), ("core", 2)].map(|(name, more)| (name.to_owned(), more));
        assert_eq!(grown, expected);
    }
}
