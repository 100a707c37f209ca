//! What state a machine is in, bringing it into one, and whether the client is set up right.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::action::{About, Action, Job, Outcome, Watch, object, value};
use super::envelope::{Category, Fault, State};
use super::fault::Effect;
use super::machines::{
    ActionOutput, Isolation, MachineArguments, machine_id, output, show as shown, state_of,
};
use super::withheld::calls;
use crate::actions::ListMachineActions;
use crate::check::Heading;
use crate::ensure::Goal;
use crate::error::Error;
use crate::machines::{Isolate, ListMachines, RestrictCodeExecution};
use crate::operation::Operation;

/// For how long a state is brought about where the call doesn't say.
const PATIENCE: Duration = Duration::from_secs(600);

/// A plan tells what is under way, and waits for none of it.
const A_LOOK: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StateArguments {
    /// The machine's id: 40 hexadecimal digits.
    #[schemars(regex(pattern = r"^[0-9a-fA-F]{40}$"))]
    machine_id: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EnsureIsolatedArguments {
    /// The machine's id: 40 hexadecimal digits.
    #[schemars(regex(pattern = r"^[0-9a-fA-F]{40}$"))]
    machine_id: String,
    /// Why: what auditors read.
    #[schemars(length(min = 1, max = 1000), regex(pattern = r"\S"))]
    comment: String,
    /// How far.
    isolation_type: Isolation,
}

/// A machine's state by the service's records.
#[derive(Debug, Serialize, JsonSchema)]
struct StateOutput {
    /// The machine.
    machineid: String,
    /// In words, such as `isolated (Full), by the records: …`.
    isolation: String,
    /// In words.
    restriction: String,
    /// Whether it is isolated by the records.
    is_isolated: bool,
    /// Whether it was released by the records. Both are false where the records don't tell.
    is_released: bool,
    /// The state with its evidence.
    machine_state: Map<String, Value>,
}

fn show(state: &crate::ensure::MachineState) -> StateOutput {
    StateOutput {
        machineid: state.machine.to_string(),
        isolation: state.isolation.to_string(),
        restriction: state.restriction.to_string(),
        is_isolated: state.is_isolated(),
        is_released: state.is_released(),
        machine_state: object(state),
    }
}

pub(super) struct GetMachineState;

#[async_trait]
impl Action for GetMachineState {
    fn about(&self) -> About {
        About::new::<StateArguments, StateOutput>(
            "get_machine_state",
            "Read a machine's state",
            "Derives from a machine's actions whether it is isolated and restricted, with the evidence. What no action shows, \
             such as a local release, isn't in it.",
        )
        .role(ListMachineActions::SPEC.roles)
    }

    async fn act(&self, job: Job<'_>) -> Outcome {
        let read = job.arguments::<StateArguments>().and_then(|a| machine_id(&a.machine_id));
        match read {
            Err(fault) => Outcome::rejected(fault),
            Ok(id) => match job.client.machine(&id).state().await {
                Ok(state) => Outcome::done(&show(&state)),
                Err(error) => Outcome::failed(&error, Effect::Reads),
            },
        }
    }
}

/// What came of bringing a state about.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum EnsuredOutput {
    /// It is there.
    There {
        /// The state with its evidence.
        state: Box<StateOutput>,
        /// What was submitted for it; null where nothing was needed.
        submitted: Option<String>,
        /// What was cancelled for it.
        cancelled: Vec<Map<String, Value>>,
    },
    /// It isn't.
    NotThere {
        /// The action that hasn't ended, that ended otherwise, or that stands in the way.
        action: Box<ActionOutput>,
    },
}

/// Which state.
#[derive(Clone, Copy)]
pub(super) enum EnsureState {
    Isolated,
    Released,
    Restricted,
    Unrestricted,
}

impl EnsureState {
    fn arguments(self, job: &Job<'_>) -> Result<(MachineArguments, Goal), Fault> {
        let goal = match self {
            Self::Isolated => {
                let read = job.arguments::<EnsureIsolatedArguments>()?;
                let EnsureIsolatedArguments { machine_id, comment, isolation_type } = read;
                let arguments = MachineArguments { machine_id, comment };
                return Ok((arguments, Goal::Isolated(isolation_type.into())));
            }
            Self::Released => Goal::Released,
            Self::Restricted => Goal::Restricted,
            Self::Unrestricted => Goal::Unrestricted,
        };
        Ok((job.arguments()?, goal))
    }
}

#[async_trait]
impl Action for EnsureState {
    fn about(&self) -> About {
        type A = MachineArguments;
        let about = match self {
            Self::Isolated => About::new::<EnsureIsolatedArguments, EnsuredOutput>(
                "ensure_isolated",
                "Bring a machine into isolation",
                "Submits only what is needed, waits, and verifies. It waits for 10 minutes unless `wait` says otherwise.",
            )
            .undone_by("ensure_released"),
            Self::Released => About::new::<A, EnsuredOutput>(
                "ensure_released",
                "Bring a machine out of isolation",
                "Cancels and releases what carries this crate's reference, waits, and verifies; what others asked for is a \
                 conflict. It waits for 10 minutes unless `wait` says otherwise.",
            )
            .undone_by("ensure_isolated"),
            Self::Restricted => About::new::<A, EnsuredOutput>(
                "ensure_restricted",
                "Bring a machine under restriction",
                "Submits only what is needed, waits, and verifies. It waits for 10 minutes unless `wait` says otherwise.",
            )
            .undone_by("ensure_unrestricted"),
            Self::Unrestricted => About::new::<A, EnsuredOutput>(
                "ensure_unrestricted",
                "Bring a machine out of restriction",
                "As ensure_released, of the restriction of code execution.",
            )
            .undone_by("ensure_restricted"),
        };
        let role = match self {
            Self::Isolated | Self::Released => Isolate::SPEC.roles,
            Self::Restricted | Self::Unrestricted => RestrictCodeExecution::SPEC.roles,
        };
        about.role(role).role(ListMachineActions::SPEC.roles).changing(Effect::Several)
    }

    async fn act(&self, job: Job<'_>) -> Outcome {
        let read = self.arguments(&job);
        let (id, arguments, goal) =
            match read.and_then(|(a, g)| Ok((machine_id(&a.machine_id)?, a, g))) {
                Ok(read) => read,
                Err(fault) => return Outcome::rejected(fault),
            };
        let limit = if job.plan { A_LOOK } else { job.wait.unwrap_or(PATIENCE) };
        let host = job.client.machine(&id);
        let ensure = match goal {
            Goal::Isolated(kind) => host.ensure_isolated(kind, &arguments.comment),
            Goal::Released => host.ensure_released(&arguments.comment),
            Goal::Restricted => host.ensure_restricted(&arguments.comment),
            Goal::Unrestricted => host.ensure_unrestricted(&arguments.comment),
        };
        match ensure.within(limit).await {
            Ok(done) => {
                let output = EnsuredOutput::There {
                    state: Box::new(show(&done.state)),
                    submitted: done.submitted.as_ref().map(ToString::to_string),
                    cancelled: done.cancelled.iter().map(object).collect(),
                };
                let mut told = if job.plan {
                    Outcome::planned(
                        json!({ "would_send": [], "there": output }),
                        "already_in_state",
                    )
                } else {
                    Outcome::done(&output)
                };
                if done.submitted.is_none() && done.cancelled.is_empty() {
                    told.disposition = Some("already_in_state".to_owned());
                }
                told
            }
            Err(error) if error.is_dry_run() => {
                match calls(&job, &id, goal, &arguments.comment).await {
                    Ok(calls) => Outcome::planned(json!({ "would_send": calls }), "would_send"),
                    Err(error) => Outcome::failed(&error, Effect::Reads),
                }
            }
            Err(error) if job.plan && error.is_still_running() => {
                let there = not_there(&job, &error).result;
                Outcome::planned(json!({ "would_send": [], "there": there }), "already_pending")
            }
            Err(error) => not_there(&job, &error),
        }
    }
}

/// The state isn't reached, and what was done for it is done.
fn not_there(job: &Job<'_>, error: &Error) -> Outcome {
    let effect = job.ledger.effect();
    let mut told = Outcome::failed(error, effect);
    if effect != Effect::Reads && told.state == State::Rejected {
        told.state = State::Unknown;
    }
    let Some(action) = error.action() else { return told };
    told.result = value(&EnsuredOutput::NotThere { action: Box::new(output(action)) });
    if told.state == State::InProgress {
        told.state = state_of(&action.status);
    }
    if !action.status.is_terminal() {
        let handle = job.client.action(&action.id);
        told.watch = Some(Watch { handle, action: Some(action.clone()), show: shown, effect });
    }
    told
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoArguments {}

/// What stands in the way.
#[derive(Debug, Serialize, JsonSchema)]
struct CheckOutput {
    /// Whether nothing stands in the way.
    ready: bool,
    /// The tenant.
    tenant: Option<String>,
    /// The application that acts.
    application: Option<String>,
    /// The API's base.
    base_url: String,
    /// What stands in the way.
    findings: Vec<FoundOutput>,
    /// The page for the tenant's administrator.
    page: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct FoundOutput {
    /// Where it belongs.
    heading: String,
    /// What was found.
    cause: String,
    /// What to do.
    fix: String,
}

pub(super) struct CheckConnection;

#[async_trait]
impl Action for CheckConnection {
    fn about(&self) -> About {
        About::new::<NoArguments, CheckOutput>(
            "check_connection",
            "Check the connection",
            "Signs in, reads the token and one machine: what may be done, and what stands in the way. It isn't as asked \
             where something does.",
        )
        .role(ListMachines::SPEC.roles)
    }

    async fn act(&self, job: Job<'_>) -> Outcome {
        if let Err(fault) = job.arguments::<NoArguments>() {
            return Outcome::rejected(fault);
        }
        let check = job.client.check().await;
        let found = |finding: &crate::check::Finding| FoundOutput {
            heading: format!("{:?}", finding.heading),
            cause: finding.cause.clone(),
            fix: finding.fix.clone(),
        };
        let mut told = Outcome::done(&CheckOutput {
            ready: check.is_ready(),
            tenant: check.writer.tenant.clone(),
            application: check.writer.application.clone(),
            base_url: check.base_url.clone(),
            findings: check.findings.iter().map(found).collect(),
            page: check.to_string(),
        });
        if let Some(first) = check.findings.first() {
            let category = match first.heading {
                Heading::AuthenticationFailed | Heading::WrongApiEndpoint => Category::SignIn,
                Heading::InsufficientPermissions | Heading::PermissionScope => Category::Permission,
                Heading::NoData => Category::NotFound,
            };
            let mut fault = Fault::new("not_ready", category, first.cause.clone());
            fault.hint = Some(first.fix.clone());
            fault.retry_safe = true;
            told.state = State::Rejected;
            told.error = Some(fault);
        }
        told
    }
}
