//! The API behind the token: what each operation answers, once the caller is known to be allowed.

mod actions;
mod body;
mod machines;

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::answer::{Answer, Form, Refusal};
use super::operation::Operation;
use super::route::Route;
use super::switches::Duplicate;
use super::text::Fields;
use super::world::{App, Scene, Tenant};

/// The host that contexts name. The service names others than the one called, so this does too.
const CONTEXT: &str = "https://api-eu.securitycenter.windows.com/api/$metadata#";

/// A request as far as it could be read.
pub(crate) struct Asked {
    pub(crate) route: Route,
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
    pub(crate) scene: Scene<'a>,
    /// What a duplicate machine action meets with.
    pub(crate) duplicate: Duplicate,
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
            Operation::GetMachine => self.get_machine(),
            _ => Err(unknown()),
        }
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
    entity: &'a T,
}

fn entity<T: Serialize>(status: StatusCode, set: &str, entity: &T) -> Answer {
    let context = format!("{CONTEXT}{set}/$entity");
    Answer::json(status, Form::Api, &Entity { context, entity })
}
