//! Isolates a machine, or releases it, by Microsoft Defender for Endpoint.
//!
//! ```cargo
//! [dependencies]
//! anyhow = "1"
//! defender-response = "0.1"
//! tokio = { version = "1", features = ["rt-multi-thread", "time"] }
//! ```

use std::time::Duration;

use defender_response::{Client, ClientSecret, IsolationType, Region};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub struct Outcome {
    pub action_id: String,
    pub disposition: String,
    pub status: String,
    pub machine_id: String,
    pub comment: Option<String>,
}

/// What a repeat is known by: `step`, or else the flow's run and the step in it, which a retry shares and another run doesn't.
/// The step's name alone is the same in every run; a job's id is another one at every try. Outside of a flow there is none,
/// and each start is meant anew.
pub fn key(step: Option<String>, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let filled = |value: Option<String>| value.filter(|value| !value.trim().is_empty());
    if let Some(step) = filled(step) {
        return Some(step);
    }
    let run = filled(variable("WM_ROOT_FLOW_JOB_ID")).or(filled(variable("WM_FLOW_JOB_ID")))?;
    Some(format!("{run}/{}", filled(variable("WM_FLOW_STEP_ID"))?))
}

/// The arguments become the form. Let a secret variable fill `client_secret` (`$var:u/you/defender_secret`), so that it stands in
/// no form and no log. Leave `step` empty, unless the same step runs several times for one machine, as in a loop.
#[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)] // the form
pub fn main(
    tenant_id: String,
    client_id: String,
    client_secret: String,
    region: String,
    machine_id: String,
    comment: String,
    step: Option<String>,
    release: bool,
    selective: bool,
    wait_seconds: i64,
) -> anyhow::Result<Outcome> {
    // An address on this machine stands for a test's service.
    let credential = ClientSecret::new(tenant_id, client_id, client_secret);
    let builder = Client::builder(credential);
    let client = if region.starts_with("http://127.0.0.1:") {
        builder.base_url(&region).authority(&region).build()?
    } else {
        builder.region(region.parse::<Region>()?).build()?
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut host = client.machine(machine_id.parse::<defender_response::MachineId>()?);
        if let Some(key) = key(step, |name| std::env::var(name).ok()) {
            host = host.keyed(key);
        }
        let kind = if selective { IsolationType::Selective } else { IsolationType::Full };
        let submitted = if release {
            host.unisolate(comment).await?
        } else {
            host.isolate(kind, comment).await?
        };
        // Somebody else's of another kind was found under way, and nothing was submitted.
        if submitted.scope_confirmed() == Some(false) {
            let scope = submitted.action().scope.as_deref().unwrap_or_default();
            anyhow::bail!(
                "{} is under way as {scope}, which isn't what was asked for",
                submitted.id()
            );
        }
        // One that was adopted may be over, and a wait tells how.
        let seconds = u64::try_from(wait_seconds).unwrap_or_default();
        let action = if seconds > 0 || submitted.action().status.is_terminal() {
            submitted.wait().within(Duration::from_secs(seconds)).await?
        } else {
            submitted.action().clone()
        };
        Ok(Outcome {
            action_id: action.id.to_string(),
            disposition: submitted.disposition().as_str().to_owned(),
            status: action.status.to_string(),
            machine_id: host.id().to_string(),
            comment: action.requestor_comment,
        })
    })
}
