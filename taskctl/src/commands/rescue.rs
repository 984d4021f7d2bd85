//! `rescue`: deletes any stack that is stuck, and proves its resources gone.

use crate::{
    account::clients::Aws,
    cli::{
        failure::{Exit, Failure},
        rescue_args::{DiagnoseArgs, RescueCommand, RescueConsents, RescuePlanArgs, RoleArgs},
    },
    rescue::{
        Account, diagnosis,
        plan::{self, Choices},
        plan_text, run as rescue, subject,
    },
    terminal::screen::{self, Paint},
};

pub async fn run(aws: &Aws, command: &RescueCommand) -> Result<Exit, Failure> {
    let account = &Account::new(aws);
    match command {
        RescueCommand::Diagnose(args) => diagnose(account, args).await,
        RescueCommand::Plan(args) => plan(account, args).await,
        RescueCommand::Run(args) => rescue::run(account, args).await,
    }
}

async fn diagnose(account: &Account<'_>, args: &DiagnoseArgs) -> Result<Exit, Failure> {
    let subject = subject::find(account, &args.stack).await?;
    if subject.is_gone() {
        screen::out(&diagnosis::gone(&subject, args.json));
        return Ok(Exit::Success);
    }
    let (role, consents) = (RoleArgs::default(), RescueConsents::default());
    let plan = plan::make(account, &subject, Choices { role: &role, consents: &consents }).await?;
    screen::out(&if args.json {
        diagnosis::json(&plan).to_string()
    } else {
        diagnosis::text(&plan, Paint::stdout(), screen::width())
    });
    Ok(Exit::Success)
}

async fn plan(account: &Account<'_>, args: &RescuePlanArgs) -> Result<Exit, Failure> {
    let subject = subject::find(account, &args.stack).await?;
    if subject.is_gone() {
        screen::out(&diagnosis::gone(&subject, args.json));
        return Ok(Exit::Success);
    }
    let choices = Choices { role: &args.role, consents: &args.consents };
    let plan = plan::make(account, &subject, choices).await?;
    screen::out(&if args.json {
        plan.json(choices).to_string()
    } else {
        plan_text::text(&plan, choices, Paint::stdout(), screen::width())
    });
    Ok(Exit::Success)
}
