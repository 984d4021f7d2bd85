//! `expiry`: the one-shot schedule that starts the teardown by itself.

use std::time::Duration;

use aws_sdk_scheduler::{operation::get_schedule::GetScheduleOutput, types::ScheduleState};
use serde_json::{Value, json};

use crate::{
    account::{clients::Aws, error::AwsError, workflow},
    cli::{
        args::{ExpiryCommand, TargetArgs},
        failure::{Exit, Failure},
        hint,
    },
    terminal::{
        clock::{self, Millis},
        screen,
    },
};

pub async fn run(aws: &Aws, target: &TargetArgs, command: &ExpiryCommand) -> Result<Exit, Failure> {
    let name = format!("{}-expiry", workflow::stack_name(aws, target));
    let schedule = get(aws, &name).await?;
    match (command, schedule) {
        (ExpiryCommand::Show { json }, schedule) => show(aws, &name, schedule.as_ref(), *json),
        (ExpiryCommand::Cancel, None) => {
            screen::out(&format!("nothing to do: no expiry is set at {}", aws.place));
            Ok(Exit::Success)
        }
        (ExpiryCommand::Cancel, Some(schedule)) => cancel(aws, &name, &schedule).await,
        (ExpiryCommand::Extend { .. }, None) => Err(none(aws, &name)),
        (ExpiryCommand::Extend { duration }, Some(schedule)) => {
            extend(aws, &name, &schedule, *duration).await
        }
    }
}

async fn get(aws: &Aws, name: &str) -> Result<Option<GetScheduleOutput>, Failure> {
    match aws.scheduler.get_schedule().name(name).send().await.map_err(AwsError::from) {
        Ok(schedule) => Ok(Some(schedule)),
        Err(error) if error.is("ResourceNotFound") => Ok(None),
        Err(error) => Err(error.stop(&format!("reading the schedule {name}"))),
    }
}

fn none(aws: &Aws, name: &str) -> Failure {
    Failure::refused(format!("no expiry is set at {}: there is no schedule {name}", aws.place))
        .next("cargo xtask deploy-teardown --expires-in 72h (docs/teardown.md)")
}

fn show(aws: &Aws, name: &str, schedule: Option<&GetScheduleOutput>, json: bool) -> Result<Exit, Failure> {
    let Some(schedule) = schedule else {
        let nothing = json!({"schedule": null});
        screen::out(&if json { nothing.to_string() } else { format!("no expiry is set at {}", aws.place) });
        return Ok(Exit::Success);
    };
    let at = expires_at(name, schedule)?;
    let stack = stack(schedule).unwrap_or_else(|| "the service".to_owned());
    let cancelled = schedule.state() == Some(&ScheduleState::Disabled);
    if json {
        let at = clock::date_time(at);
        screen::out(
            &json!({"schedule": name, "stack": stack, "expiresAt": at, "cancelled": cancelled}).to_string(),
        );
    } else {
        screen::out(&line(&stack, at, clock::now(), cancelled));
        screen::err(&format!("  schedule {name} at {}", aws.place));
    }
    Ok(Exit::Success)
}

fn line(stack: &str, at: Millis, now: Millis, cancelled: bool) -> String {
    let when = clock::date_time(at);
    match (cancelled, at > now) {
        (true, _) => format!("{stack} does not expire: the expiry of {when} was cancelled"),
        (false, true) => format!("{stack} expires at {when}, in {}", clock::duration(at - now)),
        (false, false) => format!("{stack} expired at {when}, {} ago", clock::duration(now - at)),
    }
}

async fn extend(aws: &Aws, name: &str, schedule: &GetScheduleOutput, by: Duration) -> Result<Exit, Failure> {
    let now = clock::now();
    let at = extended(expires_at(name, schedule)?, now, by);
    put(aws, name, schedule, clock::at_expression(at), ScheduleState::Enabled).await?;
    if let Some(notice) = notice(aws, name).await? {
        let moved = moved(notice, at, now);
        put(
            aws,
            &notice_name(name),
            &moved,
            moved.schedule_expression.clone().unwrap_or_default(),
            ScheduleState::Enabled,
        )
        .await?;
    }
    let stack = stack(schedule).unwrap_or_else(|| "the service".to_owned());
    let revived = schedule.state() == Some(&ScheduleState::Disabled);
    screen::out(&format!(
        "{}{}",
        line(&stack, at, now, false),
        if revived { " (it was cancelled before)" } else { "" }
    ));
    Ok(Exit::Success)
}

fn notice_name(name: &str) -> String {
    format!("{name}-notice")
}

/// Returns the schedule of the event that says so beforehand; a stack of an earlier version has none.
async fn notice(aws: &Aws, name: &str) -> Result<Option<GetScheduleOutput>, Failure> {
    get(aws, &notice_name(name)).await
}

/// Moves a notice with its expiry: as many hours ahead as it was deployed with, or half-way where that has passed.
fn moved(mut notice: GetScheduleOutput, expiry: Millis, now: Millis) -> GetScheduleOutput {
    let input = notice.target().and_then(|target| target.input());
    let detail: Option<Value> = input.and_then(|input| serde_json::from_str(input).ok());
    let hours = detail.as_ref().and_then(|detail| detail.get("hoursAhead")?.as_i64()).unwrap_or_default();
    let ahead = (hours * 3_600_000).min((expiry - now) / 2);
    notice.schedule_expression = Some(clock::at_expression(expiry - ahead));
    if let (Some(mut detail), Some(target)) = (detail, &mut notice.target) {
        detail["expiresAt"] = json!(clock::date_time(expiry));
        target.input = Some(detail.to_string());
    }
    notice
}

/// Counts from the time that is set, or from now if that has passed.
fn extended(at: Millis, now: Millis, by: Duration) -> Millis {
    at.max(now).saturating_add(Millis::try_from(by.as_millis()).unwrap_or(Millis::MAX))
}

/// Disables the schedule. It is not deleted, because it belongs to the teardown stack and can be re-enabled.
async fn cancel(aws: &Aws, name: &str, schedule: &GetScheduleOutput) -> Result<Exit, Failure> {
    let expression = schedule.schedule_expression().unwrap_or_default().to_owned();
    put(aws, name, schedule, expression, ScheduleState::Disabled).await?;
    if let Some(notice) = notice(aws, name).await? {
        let expression = notice.schedule_expression().unwrap_or_default().to_owned();
        put(aws, &notice_name(name), &notice, expression, ScheduleState::Disabled).await?;
    }
    let stack = stack(schedule).unwrap_or_else(|| "the service".to_owned());
    screen::out(&format!("{stack} does not expire any more"));
    screen::err(&format!("  to set it again: {}", hint::command("expiry extend 72h")));
    Ok(Exit::Success)
}

/// Changes time and state. `UpdateSchedule` resets every field that is not sent, so all others are sent as they were.
async fn put(
    aws: &Aws,
    name: &str,
    old: &GetScheduleOutput,
    expression: String,
    state: ScheduleState,
) -> Result<(), Failure> {
    let update = aws.scheduler.update_schedule().name(name).schedule_expression(expression).state(state);
    let update = update
        .set_group_name(old.group_name.clone())
        .set_schedule_expression_timezone(old.schedule_expression_timezone.clone())
        .set_start_date(old.start_date)
        .set_end_date(old.end_date)
        .set_description(old.description.clone())
        .set_kms_key_arn(old.kms_key_arn.clone())
        .set_target(old.target.clone())
        .set_flexible_time_window(old.flexible_time_window.clone())
        .set_action_after_completion(old.action_after_completion.clone());
    let sent = update.send().await;
    sent.map(drop).map_err(|error| AwsError::from(error).stop(&format!("changing the schedule {name}")))
}

fn expires_at(name: &str, schedule: &GetScheduleOutput) -> Result<Millis, Failure> {
    let expression = schedule.schedule_expression().unwrap_or_default();
    let zone = schedule.schedule_expression_timezone().unwrap_or("UTC");
    let at = clock::parse_at_expression(expression).filter(|_| ["UTC", "Etc/UTC", "GMT"].contains(&zone));
    at.ok_or_else(|| {
        Failure::failed(format!(
            "the schedule {name} is {expression} in {zone}, not one time in UTC: someone changed it"
        ))
        .next("change it where it was changed, or deploy the teardown stack again")
    })
}

/// Returns the stack in the execution's input, which stands alone or inside a call of `StartExecution`.
fn stack(schedule: &GetScheduleOutput) -> Option<String> {
    let input: Value = serde_json::from_str(schedule.target()?.input()?).ok()?;
    let named = |input: &Value| Some(input.get("stack")?.as_str()?.to_owned());
    named(&input).or_else(|| {
        let inner = input.get("Input")?;
        match inner {
            Value::String(text) => named(&serde_json::from_str(text).ok()?),
            inner => named(inner),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_sdk_scheduler::{operation::get_schedule::GetScheduleOutput, types::Target};

    use serde_json::{Value, json};

    use super::{expires_at, extended, line, moved, stack};

    const HOUR: i64 = 3_600_000;

    fn schedule(expression: &str, zone: Option<&str>, input: &str) -> GetScheduleOutput {
        let target = Target::builder().arn("a").role_arn("r").input(input).build().expect("complete");
        let schedule = GetScheduleOutput::builder().schedule_expression(expression).target(target);
        schedule.set_schedule_expression_timezone(zone.map(Into::into)).build()
    }

    #[test]
    fn an_extension_counts_from_the_time_set_or_from_now() {
        let by = Duration::from_hours(2);
        assert_eq!(extended(10 * HOUR, 5 * HOUR, by), 12 * HOUR);
        assert_eq!(extended(10 * HOUR, 50 * HOUR, by), 52 * HOUR);
    }

    #[test]
    fn a_notice_moves_with_its_expiry_and_says_the_new_time() {
        let now = 1_795_448_600_000;
        let told = |expiry, hours: i64| {
            let input =
                json!({"stack": "tasks-dev", "expiresAt": "2026-11-24T00:00:00Z", "hoursAhead": hours});
            let notice = moved(schedule("at(2026-11-23T00:00:00)", None, &input.to_string()), expiry, now);
            let input = notice.target().and_then(|target| target.input()).expect("an input");
            let detail: Value = serde_json::from_str(input).expect("json");
            (
                notice.schedule_expression.expect("a time"),
                detail["expiresAt"].as_str().expect("a time").to_owned(),
            )
        };
        let (at, expiry) = told(now + 72 * HOUR, 24);
        assert_eq!((at.as_str(), expiry.as_str()), ("at(2026-11-25T15:43:20)", "2026-11-26T15:43:20Z"));
        assert_eq!(told(now + 2 * HOUR, 24).0, "at(2026-11-23T16:43:20)", "half-way");
    }

    #[test]
    fn only_one_time_in_utc_is_understood() {
        let at = |expression, zone| expires_at("s", &schedule(expression, zone, "{}"));
        assert_eq!(at("at(2026-11-23T15:43:20)", None).expect("UTC"), 1_795_448_600_000);
        assert!(at("at(2026-11-23T15:43:20)", Some("UTC")).is_ok());
        assert!(
            at("at(2026-11-23T15:43:20)", Some("Europe/Paris"))
                .expect_err("not UTC")
                .what
                .contains("Europe/Paris")
        );
        assert!(at("rate(1 day)", None).is_err());
    }

    #[test]
    fn the_stack_is_in_the_input_plain_or_wrapped() {
        let named = |input| stack(&schedule("", None, input));
        assert_eq!(named(r#"{"stack":"tasks-dev"}"#).as_deref(), Some("tasks-dev"));
        assert_eq!(
            named(r#"{"StateMachineArn":"m","Input":"{\"stack\":\"tasks-dev\"}"}"#).as_deref(),
            Some("tasks-dev")
        );
        assert_eq!(named("{}"), None);
    }

    #[test]
    fn an_expiry_is_told_with_the_time_left() {
        let (now, at) = (1_795_448_600_000, 1_795_448_600_000 + 50 * HOUR);
        assert_eq!(
            line("tasks-dev", at, now, false),
            "tasks-dev expires at 2026-11-25T17:43:20Z, in 2 d 2 h"
        );
        assert!(line("tasks-dev", at, at + HOUR, false).ends_with("1 h 0 min ago"));
        assert!(line("tasks-dev", at, now, true).contains("does not expire"));
    }
}
