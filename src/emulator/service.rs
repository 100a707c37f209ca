//! The service as a state machine: a request and the time in, a reply out. No IO, no sleeping; what
//! happens by itself is caught up with at each request.
//!
//! The order of checks is the service's: token, licence, quota, role, body, machine. So a made-up machine
//! is answered 403 without the role and 404 with it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap};
use http::{Request, Response, StatusCode};

use super::agenda::Agenda;
use super::answer::{Answer, Refusal};
use super::api::{Asked, Call};
use super::control;
use super::entra::{self, Ask, Grant, Grants};
use super::ids::Ids;
use super::journal::{Journal, JournalEntry};
use super::moment::{Moment, Stamp};
use super::operation::Operation;
use super::reply::{Outcome, Reply};
use super::route::Route;
use super::switches::{Switches, Wording};
use super::text::Fields;
use super::world::{Directory, Scene, Standing, Tenant};
use crate::clock::Clock;

/// Longer bodies are answered 413.
pub(crate) const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// The emulated service.
#[derive(Debug)]
pub(crate) struct Service {
    clock: Arc<dyn Clock>,
    began: Instant,
    pub(crate) switches: Switches,
    pub(crate) directory: Directory,
    pub(crate) agenda: Agenda,
    pub(crate) ids: Ids,
    pub(crate) grants: Grants,
    pub(crate) journal: Journal,
}

impl Service {
    pub(crate) fn new(clock: Arc<dyn Clock>, switches: Switches, seed: u64) -> Self {
        Self {
            began: clock.now(),
            clock,
            switches,
            directory: Directory::default(),
            agenda: Agenda::default(),
            ids: Ids::new(seed),
            grants: Grants::default(),
            journal: Journal::default(),
        }
    }

    pub(crate) fn handle(&mut self, now: Instant, request: Request<Bytes>) -> Reply {
        let moment = self.advance(now);
        let (parts, body) = request.into_parts();
        let route = Route::of(&parts.method, parts.uri.path());
        if let Route::Control(what) = &route {
            let answer = control::answer(self, &parts.method, what, &body);
            return Outcome::Answer(answer.into_response(moment)).into();
        }
        let asked = Asked {
            route,
            query: Fields::parse(parts.uri.query().unwrap_or_default().as_bytes()),
            json: serde_json::from_slice(&body).ok(),
        };
        let answer = self.answer(&asked, &parts.headers, &body, moment);
        self.enter(&asked, Some(answer.status), answer.effect, moment);
        Outcome::Answer(answer.into_response(moment)).into()
    }

    /// The answer to a request whose body was longer than [`LARGEST_BODY`].
    pub(crate) fn too_large(&mut self, now: Instant) -> Response<Bytes> {
        let moment = self.advance(now);
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        let refusal = Refusal::new(status, "BadRequest", "The request is too large");
        refusal.into_answer(&self.ids.guid()).into_response(moment)
    }

    /// Catches up with everything that has happened by itself until `now`.
    pub(crate) fn advance(&mut self, now: Instant) -> Moment {
        let offset = self.switches.clock_offset;
        let moment = Moment {
            at: now.saturating_duration_since(self.began),
            wall: self.clock.wall().plus(offset.ahead).minus(offset.behind),
        };
        while let Some(due) = self.agenda.next_due(moment.at) {
            let Some(tenant) = self.directory.get_mut(due.tenant) else { continue };
            let mut scene = Scene {
                now: moment.back_to(due.at),
                tenant: due.tenant,
                switches: &self.switches,
                agenda: &mut self.agenda,
                ids: &mut self.ids,
            };
            tenant.happen(&due.event, &mut scene);
        }
        moment
    }

    /// [`advance`](Self::advance) to what the service's own clock shows.
    pub(crate) fn catch_up(&mut self) -> Moment {
        self.advance(self.clock.now())
    }

    /// Changes something in a tenant now.
    pub(crate) fn in_tenant<T>(
        &mut self,
        number: usize,
        change: impl FnOnce(&mut Tenant, &mut Scene<'_>) -> T,
    ) -> Option<T> {
        let now = self.catch_up();
        let tenant = self.directory.get_mut(number)?;
        let mut scene = Scene {
            now,
            tenant: number,
            switches: &self.switches,
            agenda: &mut self.agenda,
            ids: &mut self.ids,
        };
        Some(change(tenant, &mut scene))
    }

    fn answer(&mut self, asked: &Asked, headers: &HeaderMap, body: &[u8], now: Moment) -> Answer {
        if body.len() > LARGEST_BODY {
            let refusal = Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "BadRequest",
                "The request is too large",
            );
            return refusal.into_answer(&self.ids.guid());
        }
        if let Route::Token { tenant, version } = &asked.route {
            let ask = Ask { tenant, version: *version, headers, body };
            return entra::answer(&ask, &self.directory, &mut self.grants, &mut self.ids, now);
        }
        match self.api(asked, headers, now) {
            Ok(answer) => answer,
            Err(refusal) => refusal.into_answer(&self.ids.guid()),
        }
    }

    fn api(&mut self, asked: &Asked, headers: &HeaderMap, now: Moment) -> Result<Answer, Refusal> {
        let grant = self.grant(headers, now)?;
        let tenant = self.directory.get_mut(grant.tenant).ok_or_else(invalid_token)?;
        check_standing(tenant.standing)?;
        check_roles(asked.route.operation(), &grant, &self.switches)?;
        let scene = Scene {
            now,
            tenant: grant.tenant,
            switches: &self.switches,
            agenda: &mut self.agenda,
            ids: &mut self.ids,
        };
        let duplicate = self.switches.duplicate_action;
        Call { asked, tenant, app: grant.app, scene, duplicate }.answer()
    }

    fn grant(&self, headers: &HeaderMap, now: Moment) -> Result<Grant, Refusal> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, token) = header.and_then(|h| h.split_once(' ')).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(invalid_token());
        }
        let grant = self.grants.find(token.trim(), now).ok_or_else(invalid_token)?;
        if grant.for_this_api { Ok(grant.clone()) } else { Err(invalid_token()) }
    }

    fn enter(&mut self, asked: &Asked, status: Option<StatusCode>, effect: bool, now: Moment) {
        self.journal.enter(JournalEntry {
            at: Stamp(now.wall).text(),
            operation: asked.route.operation().name(),
            target: asked.route.target().map(str::to_owned),
            comment: asked.comment().map(str::to_owned),
            status: status.map(|s| s.as_u16()),
            effect,
        });
    }
}

fn invalid_token() -> Refusal {
    Refusal::unauthorized("Authentication failed: the access token is missing, invalid or expired")
}

fn check_standing(standing: Standing) -> Result<(), Refusal> {
    match standing {
        Standing::Active | Standing::NoPrincipal => Ok(()),
        Standing::Inactive => Err(Refusal::unauthorized(
            "Unauthorized request - reason of failure: Account mode is inactive",
        )),
        Standing::NotProvisioned => {
            Err(Refusal::unauthorized("Unauthorized request - Account is not provisioned."))
        }
    }
}

fn check_roles(operation: Operation, grant: &Grant, switches: &Switches) -> Result<(), Refusal> {
    let required = operation.roles();
    let counts = |role: &str| {
        let forensics = role == "Machine.CollectForensics";
        required.contains(&role) && (!forensics || switches.collect_forensics_cancels)
    };
    if required.is_empty() || grant.roles.iter().any(|role| counts(role)) {
        return Ok(());
    }
    Err(Refusal::forbidden(match switches.forbidden_wording {
        Wording::Current => format!(
            "Missing application roles. API required roles: {}, application roles: {}.",
            required.join(","),
            grant.roles.join(",")
        ),
        Wording::Old => format!(
            "The application does not have any of the required application permissions ({}) to access \
             the resource.",
            required.join(", ")
        ),
    }))
}
