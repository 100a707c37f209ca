//! The API behind the token: what each operation answers, once the caller is known to be allowed.

mod actions;
mod alerts;
mod body;
mod draft;
mod indicators;
mod list;
mod machines;
mod rows;

use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::answer::{Answer, Form, Refusal};
use super::operation::Operation;
use super::route::Route;
use super::switches::{Duplicate, Switches};
use super::text::Fields;
use super::world::{App, Scene, Tenant};

/// The host that contexts name. The service names others than the one called, so this does too.
const CONTEXT: &str = "https://api-eu.securitycenter.windows.com/api/$metadata#";

/// A request as far as it could be read.
pub(crate) struct Asked {
    pub(crate) route: Route,
    /// Scheme and host, as the caller wrote them.
    pub(crate) origin: String,
    pub(crate) path: String,
    pub(crate) query: Fields,
    /// The body, if it is JSON.
    pub(crate) json: Option<Value>,
}

impl Asked {
    /// The comment in the body, under any of the names operations use.
    pub(crate) fn comment(&self) -> Option<&str> {
        let body = self.json.as_ref()?;
        body.get("Comment").or_else(|| body.get("comment"))?.as_str()
    }

    fn target(&self) -> &str {
        self.route.target().unwrap_or_default()
    }
}

/// One call by a known application.
pub(crate) struct Call<'a> {
    pub(crate) asked: &'a Asked,
    pub(crate) tenant: &'a mut Tenant,
    /// The application's number in its tenant.
    pub(crate) app: usize,
    /// The roles in its token.
    pub(crate) roles: Arc<[String]>,
    pub(crate) scene: Scene<'a>,
    pub(crate) repeat: Repeat,
}

/// What a machine action meets with that repeats another.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Repeat {
    /// What is switched on.
    Meets(Duplicate),
    /// An analyst asked for the same a moment earlier.
    AfterAnalyst { refused: bool },
    /// It is accepted and fires late, whether or not it repeats another.
    Stuck,
}

impl Repeat {
    pub(crate) fn meets(duplicate: Duplicate) -> Self {
        Self::Meets(duplicate)
    }
}

impl Call<'_> {
    pub(crate) fn answer(&mut self) -> Result<Answer, Refusal> {
        match self.asked.route.operation() {
            Operation::Isolate
            | Operation::Unisolate
            | Operation::Scan
            | Operation::Restrict
            | Operation::Unrestrict => self.submit_action(),
            Operation::GetAction => self.get_action(),
            Operation::CancelAction => self.cancel_action(),
            Operation::ListActions => self.list_actions(),
            Operation::GetMachine => self.get_machine(),
            Operation::ListMachines => self.list_machines(),
            Operation::FindByIp => self.find_by_ip(),
            Operation::FindByTag => self.find_by_tag(),
            Operation::GetAlert => self.get_alert(),
            Operation::ListAlerts => self.list_alerts(),
            Operation::UpdateAlert => self.update_alert(),
            Operation::BatchUpdateAlerts => self.batch_update_alerts(),
            Operation::SubmitIndicator => self.submit_indicator(),
            Operation::ImportIndicators => self.import_indicators(),
            Operation::GetIndicator => self.get_indicator(),
            Operation::ListIndicators => self.list_indicators(),
            Operation::DeleteIndicator => self.delete_indicator(),
            Operation::BatchDeleteIndicators => self.batch_delete_indicators(),
            Operation::Unknown if matches!(self.asked.route, Route::PatchMachine(_)) => {
                self.patch_machine()
            }
            Operation::Token | Operation::Unknown => Err(unknown()),
        }
    }

    fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    fn caller(&self) -> Option<&App> {
        self.tenant.apps.get(self.app)
    }
}

/// What any path the service doesn't have is answered.
pub(crate) fn unknown() -> Refusal {
    let message = "No HTTP resource was found that matches the request URI";
    Refusal::new(StatusCode::NOT_FOUND, "NotFound", message)
}

/// One object with its context.
#[derive(Serialize)]
struct Entity<'a, T> {
    #[serde(rename = "@odata.context")]
    context: String,
    #[serde(flatten)]
    object: &'a T,
    /// A member no page knows.
    #[serde(rename = "serviceInsights", skip_serializing_if = "Option::is_none")]
    novelty: Option<[&'static str; 1]>,
}

fn entity<T: Serialize>(status: StatusCode, set: &str, object: &T, switches: &Switches) -> Answer {
    let context = format!("{CONTEXT}{set}/$entity");
    let novelty = switches.novelty.then_some(["preview"]);
    Answer::json(status, Form::Api, &Entity { context, object, novelty })
}
