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

/// The arguments become the form. Let a secret variable fill `client_secret` (`$var:u/you/defender_secret`), so that it stands in
/// no form and no log; `step` is what a repeat is known by, such as the job's id.
#[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)] // the form
pub fn main(
    tenant_id: String,
    client_id: String,
    client_secret: String,
    region: String,
    machine_id: String,
    comment: String,
    step: String,
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
        let host = client.machine(machine_id.parse::<defender_response::MachineId>()?).keyed(step);
        let kind = if selective { IsolationType::Selective } else { IsolationType::Full };
        let submitted = if release {
            host.unisolate(comment).await?
        } else {
            host.isolate(kind, comment).await?
        };
        let action = match u64::try_from(wait_seconds) {
            Ok(seconds) if seconds > 0 => {
                submitted.wait().within(Duration::from_secs(seconds)).await?
            }
            _ => submitted.action().clone(),
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
