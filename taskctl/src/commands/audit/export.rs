//! `audit export`: writes records for other programs, and leaves a record of that in the audit log.

use std::io::{self, ErrorKind, Write};

use aws_sdk_cloudwatchlogs::types::InputLogEvent;

use crate::{
    account::{
        clients::Aws,
        error::{AwsError, Kind},
        service,
    },
    audit::{
        bucket::Bucket,
        filter::Filter,
        format::{self, Export, Exported},
        gather::{self, Source},
        keys,
        records::{Item, Records},
    },
    cli::{
        audit_args::{ExportArgs, Format, RangeArgs},
        failure::{Exit, Failure},
    },
    commands::audit::{checked, listing, output::Target, random_id},
    terminal::{
        clock,
        layout::count,
        screen::{self, Progress},
    },
};

pub async fn run(aws: &Aws, stage: Option<&str>, group: &str, args: &ExportArgs) -> Result<Exit, Failure> {
    // Up to now: the log grows while it is read, not least by the record of this export.
    let now = clock::now();
    let range = checked(RangeArgs { until: Some(args.range.until.unwrap_or(now).min(now)), ..args.range })?;
    let filter = Filter { conditions: args.conditions.clone(), task: None };
    let id = random_id()?;
    let by = if args.no_record { String::new() } else { caller(aws).await? };
    let export = Export { id: &id, by: &by, format: args.format, range, conditions: &args.conditions };
    let trail = Trail { aws, group, stream: format!("taskctl/{id}"), export };
    if args.bucket.is_some() && args.format != Format::Bundle {
        return Err(Failure::usage("the bucket of the seals is for a bundle").next("--format bundle"));
    }
    if args.format == Format::Bundle {
        return bundle(aws, stage, args, range, &trail).await;
    }
    let mut target = Target::open(args.output.as_deref()).map_err(|error| unwritable(args, &error))?;
    if !args.no_record {
        trail.begin().await?;
    }
    let mut exported = Exported::default();
    let mut records = Records::new(aws, group, &filter, range);
    let written = write(&mut records, args, &mut target, &mut exported).await;
    exported.copies = records.sieve.copies;
    exported.complete = written.is_ok();
    // Before the file appears: nobody has an export that is not recorded.
    if !args.no_record {
        trail.put(Some(exported)).await.map_err(|error| error.stop("recording the end of the export"))?;
    }
    written?;
    target.finish().map_err(|error| unwritable(args, &error))?;
    Ok(listing::end(exported.records, exported.copies, exported.findings))
}

/// Writes the log with its seals as a directory.
async fn bundle(
    aws: &Aws,
    stage: Option<&str>,
    args: &ExportArgs,
    range: RangeArgs,
    trail: &Trail<'_>,
) -> Result<Exit, Failure> {
    let Some(folder) = &args.output else {
        return Err(Failure::usage("a bundle is a directory").next("name it: --output DIR"));
    };
    if !(Filter { conditions: args.conditions.clone(), task: None }).words().is_empty() {
        return Err(Failure::usage("a bundle has every record of its range, so it takes no conditions"));
    }
    let (bucket, origin) = if let Some(bucket) = &args.bucket {
        // A key bears the log's name.
        (bucket.clone(), keys::given(&args.key)?.first().map(|key| key.name().to_owned()))
    } else {
        let seal = service::sealed(aws, stage, trail.group).await?;
        (seal.bucket, Some(seal.origin))
    };
    let bucket = Bucket { client: aws.s3.clone(), name: bucket };
    let source = Source { aws, group: trail.group, bucket, origin, made: clock::now() };
    if !args.no_record {
        trail.begin().await?;
    }
    // Without an end, the bundle reaches as far as the seals do.
    let gathered = gather::gather(&source, RangeArgs { until: args.range.until, ..range }, folder).await;
    let counts = gathered.as_ref().map(|gathered| gathered.counts).unwrap_or_default();
    let records = counts.records + counts.newer;
    let exported = Exported { records, complete: gathered.is_ok(), ..Exported::default() };
    if !args.no_record {
        trail.put(Some(exported)).await.map_err(|error| error.stop("recording the end of the export"))?;
    }
    gathered?.finish().map_err(|error| unwritable(args, &error))?;
    let number = |number: u64, thing| count(usize::try_from(number).unwrap_or(usize::MAX), thing);
    screen::err(&format!(
        "{} and {} in {name}\n  next: taskctl audit verify {name} --key KEY",
        number(records, "line"),
        number(counts.checkpoints, "checkpoint"),
        name = folder.display(),
    ));
    Ok(Exit::Success)
}

async fn write(
    records: &mut Records<'_>,
    args: &ExportArgs,
    target: &mut Target,
    exported: &mut Exported,
) -> Result<(), Failure> {
    let mut progress = Progress::new();
    let mut put = |text: &str| target.write_all(text.as_bytes()).map_err(|error| unwritable(args, &error));
    format::head(args.format).map_or(Ok(()), |head| put(&head))?;
    while let Some(items) = records.page().await? {
        for item in items {
            match item {
                Item::Record(record) => {
                    put(&format::line(args.format, &record))?;
                    exported.records += 1;
                }
                Item::Finding(what) => {
                    progress.clear();
                    listing::finding(&what);
                    exported.findings += 1;
                }
            }
        }
        listing::report(&mut progress, records);
    }
    target.flush().map_err(|error| unwritable(args, &error))
}

fn unwritable(args: &ExportArgs, error: &io::Error) -> Failure {
    match &args.output {
        Some(path) => Failure::failed(format!("--output {}: {error}", path.display())),
        None if error.kind() == ErrorKind::BrokenPipe => {
            Failure::failed("the reader of the export went away")
        }
        None => Failure::failed(format!("writing to standard output: {error}")),
    }
}

/// The records of an export in the audit log, in a stream of their own.
struct Trail<'a> {
    aws: &'a Aws,
    group: &'a str,
    stream: String,
    export: Export<'a>,
}

impl Trail<'_> {
    async fn begin(&self) -> Result<(), Failure> {
        let stream =
            self.aws.logs.create_log_stream().log_group_name(self.group).log_stream_name(&self.stream);
        let begun = match stream.send().await.map_err(AwsError::from) {
            Err(error) if !error.is("ResourceAlreadyExists") => Err(error),
            _ => self.put(None).await,
        };
        begun.map_err(|error| {
            if error.denied() {
                let stop = error.stop("recording the export in the audit log");
                return Failure::refused(stop.what).next("export without a record of it: --no-record");
            }
            error.stop("recording the export in the audit log")
        })
    }

    async fn put(&self, exported: Option<Exported>) -> Result<(), AwsError> {
        let now = clock::now();
        let line = self.export.record(exported, now).to_string();
        let event = InputLogEvent::builder().message(line).timestamp(now).build();
        let put = self.aws.logs.put_log_events().log_group_name(self.group).log_stream_name(&self.stream);
        let put = put.set_log_events(event.ok().map(|event| vec![event])).send().await?;
        let rejected = put.rejected_log_events_info.map(|rejected| AwsError {
            kind: Kind::Answered,
            code: String::new(),
            message: format!("CloudWatch Logs rejected the record: {rejected:?}"),
        });
        rejected.map_or(Ok(()), Err)
    }
}

/// Returns the ARN of whoever runs this.
async fn caller(aws: &Aws) -> Result<String, Failure> {
    let identity = aws.sts.get_caller_identity().send().await;
    let identity = identity.map_err(|error| AwsError::from(error).stop("asking who exports"))?;
    Ok(identity.arn.unwrap_or_default())
}
