//! Looks at things of the inventory: are they there?

use std::collections::{BTreeMap, BTreeSet};

use contract::{Planned, PlannedFate};
use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    Error,
    aws::{Clients, Presence, types},
};

/// The number of looks at the same time: of hundreds, one after the other would outlast the function, and all at once be throttled.
const AT_ONCE: usize = 8;

/// A question about an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Question<'a> {
    /// The thing itself, by its type and id.
    Thing(&'a str, &'a str),
    /// The things that it may be a part of: it goes with them.
    Whole(Vec<(&'a str, &'a str)>),
    /// A permission, of the function that it is on.
    Permission { function: &'a str, statement: &'a str },
    /// A metric filter, of the log groups that are left: elsewhere it goes with its group.
    MetricFilter(&'a str),
    /// Nothing can be asked; with the reason.
    Nothing(String),
}

/// Looks for a thing. If it lives inside another, the other is looked for instead. A passing error stays one, to be tried again; a lasting one
/// proves nothing.
pub async fn look(aws: &Clients, entry: &Planned, inventory: &[Planned]) -> Result<Presence, Error> {
    // The inventory knows more of it than CloudFormation's list.
    let known =
        inventory.iter().find(|known| known.physical_id == entry.physical_id && known.kind == entry.kind);
    let seen = looks(aws, &[known.unwrap_or(entry)], inventory).await?;
    Ok(seen.into_iter().next().unwrap_or(Presence::Unproven("it was not looked for".to_owned())))
}

/// Looks for things, each one once, also where several are a part of it. The answers are in the order of the things.
pub async fn looks(
    aws: &Clients,
    wanted: &[&Planned],
    inventory: &[Planned],
) -> Result<Vec<Presence>, Error> {
    let questions: Vec<_> = wanted.iter().map(|entry| question(entry, inventory)).collect();
    let mut things = BTreeSet::new();
    for question in &questions {
        match question {
            Question::Thing(kind, id) => things.extend([(*kind, *id)]),
            Question::Whole(wholes) => things.extend(wholes),
            Question::MetricFilter(_) => things.extend(log_groups(inventory)),
            Question::Permission { .. } | Question::Nothing(_) => {}
        }
    }
    let asked = things.into_iter().map(|(kind, id)| async move {
        let presence = aws.presence(kind, id).await?;
        Ok::<_, Error>(((kind, id), presence))
    });
    let seen: BTreeMap<_, _> = stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await?;
    let filters = if questions.iter().any(|question| matches!(question, Question::MetricFilter(_))) {
        metric_filters(aws, &seen).await?
    } else {
        Ok(BTreeSet::new())
    };
    let answers = questions.iter().map(|question| answer(aws, question, &seen, &filters));
    stream::iter(answers).buffered(AT_ONCE).try_collect().await
}

type Seen<'a> = BTreeMap<(&'a str, &'a str), Presence>;

async fn answer(
    aws: &Clients,
    question: &Question<'_>,
    seen: &Seen<'_>,
    filters: &Result<BTreeSet<String>, String>,
) -> Result<Presence, Error> {
    Ok(match question {
        Question::Thing(kind, id) => seen[&(*kind, *id)].clone(),
        // With its whole: looked at again as long as that is.
        Question::Whole(wholes) => {
            let shown =
                wholes.iter().map(|whole| &seen[whole]).find(|presence| **presence != Presence::Absent);
            shown.cloned().unwrap_or(Presence::Absent)
        }
        Question::Permission { function, statement } => aws.permission_presence(function, statement).await?,
        Question::MetricFilter(name) => match filters {
            Ok(filters) if filters.contains(*name) => Presence::Present,
            Ok(_) => Presence::Absent,
            Err(why) => Presence::Unproven(why.clone()),
        },
        Question::Nothing(why) => Presence::Unproven(why.clone()),
    })
}

fn question<'a>(entry: &'a Planned, inventory: &'a [Planned]) -> Question<'a> {
    let (kind, id) = (entry.kind.as_str(), entry.physical_id.as_str());
    if kind == types::METRIC_FILTER {
        return Question::MetricFilter(id);
    }
    let Some(whole) = types::whole(kind) else { return Question::Thing(kind, id) };
    let wholes = inventory.iter().filter(|other| other.kind == whole);
    match &entry.part_of {
        // Without a template, it may be a part of any that goes.
        None => {
            let wholes: Vec<_> = wholes
                .filter(|other| other.fate != PlannedFate::Keep)
                .map(|other| (other.kind.as_str(), other.physical_id.as_str()))
                .collect();
            if wholes.is_empty() {
                return Question::Nothing(format!("nothing shows which {whole} it is a part of"));
            }
            Question::Whole(wholes)
        }
        Some(of) => match wholes.into_iter().find(|other| other.physical_id == *of) {
            Some(other) if other.fate != PlannedFate::Keep => {
                Question::Whole(vec![(other.kind.as_str(), other.physical_id.as_str())])
            }
            _ if kind == types::PERMISSION => Question::Permission { function: of, statement: id },
            _ => Question::Nothing(format!("it is a part of {of}, which does not go with the stack")),
        },
    }
}

fn log_groups(inventory: &[Planned]) -> impl Iterator<Item = (&str, &str)> {
    let groups = inventory.iter().filter(|entry| entry.kind == types::LOG_GROUP);
    groups.map(|group| (group.kind.as_str(), group.physical_id.as_str()))
}

/// Lists the metric filters of the log groups that are left; `Err` with the reason when one cannot be asked.
async fn metric_filters(aws: &Clients, seen: &Seen<'_>) -> Result<Result<BTreeSet<String>, String>, Error> {
    let left = |((kind, _), presence): &(&(&str, &str), &Presence)| {
        *kind == types::LOG_GROUP && **presence != Presence::Absent
    };
    let groups = seen.iter().filter(left).map(|((_, group), _)| aws.metric_filters(group));
    match stream::iter(groups).buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await {
        Ok(names) => Ok(Ok(names.into_iter().flatten().collect())),
        Err(Error::Transient(why)) => Err(Error::Transient(why)),
        Err(error) => Ok(Err(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: &str, id: &str, part_of: Option<&str>) -> Planned {
        Planned {
            kind: kind.to_owned(),
            logical_id: id.to_owned(),
            physical_id: id.to_owned(),
            part_of: part_of.map(str::to_owned),
            fate: PlannedFate::Delete,
            why: String::new(),
        }
    }

    #[test]
    fn a_part_goes_with_the_thing_that_the_template_names_and_never_with_another() {
        let function = entry(types::FUNCTION, "ours", None);
        let inventory = [function.clone(), entry(types::FUNCTION, "other", None)];
        let ours = Question::Whole(vec![(types::FUNCTION, "ours")]);
        assert_eq!(question(&entry(types::PERMISSION, "p", Some("ours")), &inventory), ours);
        let stranger = entry(types::PERMISSION, "p", Some("stranger"));
        assert_eq!(
            question(&stranger, &inventory),
            Question::Permission { function: "stranger", statement: "p" }
        );
        let kept = [function.with(PlannedFate::Keep, String::new())];
        let part = entry(types::PERMISSION, "p", Some("ours"));
        assert_eq!(question(&part, &kept), Question::Permission { function: "ours", statement: "p" });
    }

    #[test]
    fn a_part_of_nothing_in_the_inventory_is_never_absent() {
        for part_of in [None, Some("somebody-elses-role")] {
            let policy = entry("AWS::IAM::Policy", "p", part_of);
            assert!(matches!(question(&policy, &[]), Question::Nothing(_)), "{part_of:?}");
        }
    }
}
